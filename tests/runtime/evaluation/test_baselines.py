import numpy as np
import pytest

from onnxcam.evaluation.baselines import BASELINES, centre_gaussian, edges, random


@pytest.fixture
def image():
    return np.random.default_rng(0).standard_normal((3, 20, 30)).astype(np.float32)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_are_maps_from_0_to_1(image, name):
    saliency = BASELINES[name](image)
    assert (saliency.shape, saliency.dtype) == ((20, 30), np.float32)
    assert saliency.min() >= 0
    assert saliency.max() == pytest.approx(1, abs=0.01)


def test_the_gaussian_falls_from_the_middle_by_a_fourth_of_each_side():
    saliency = centre_gaussian(np.zeros((3, 200, 400), np.float32)).astype(float)
    low = np.exp(-8 * (0.5 / 200 - 0.5) ** 2 - 8 * (0.5 / 400 - 0.5) ** 2)
    at_one_deviation = (np.exp(-0.5) - low) / (1 - low)
    assert saliency[100, 300] == pytest.approx(at_one_deviation, abs=0.01)
    assert saliency[150, 200] == pytest.approx(at_one_deviation, abs=0.01)
    assert saliency[0, 0] == 0


def test_random_maps_are_the_same_for_the_same_image_alone(image):
    assert (random(image) == random(image.copy())).all()
    assert abs(np.corrcoef(random(image).ravel(), random(image + 1).ravel())[0, 1]) < 0.1


def test_edges_are_high_at_a_step_alone():
    image = np.zeros((3, 12, 12), np.float32)
    image[:, :, 6:] = 1
    saliency = edges(image)
    assert (saliency[:, 5:7] == 1).all()
    assert not saliency[:, :5].any()
    assert (edges(image.swapaxes(1, 2)) == saliency.T).all()
