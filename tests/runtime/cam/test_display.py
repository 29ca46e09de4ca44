"""Against slower and plainer computations of the same formulas."""

import numpy as np
import pytest

from onnxcam import cam


def test_normalise_scales_each_map_on_its_own():
    maps = np.array([[[1, 3]], [[-4, 4]]], np.float32)
    np.testing.assert_array_equal(cam.normalise(maps), [[[0, 1]], [[0, 1]]])


@pytest.mark.parametrize("value", [0, 7, -3, 1e-38])
def test_a_constant_map_normalises_to_zeros(value):
    np.testing.assert_array_equal(cam.normalise(np.full((1, 3, 3), value, np.float32)), np.zeros((1, 3, 3)))


def test_standardise_has_the_stated_mean_and_deviation():
    images = np.random.default_rng(0).normal(5, 3, size=(2, 3, 16, 16)).astype(np.float32)
    shown = cam.standardise(images)
    assert shown.mean(axis=(1, 2, 3)) == pytest.approx([0.5, 0.5], abs=1e-3)
    assert shown.std(axis=(1, 2, 3)) == pytest.approx([0.1, 0.1], abs=1e-3)
    assert cam.standardise(images * 1e6).min() >= 0


def test_a_constant_image_standardises_to_grey():
    np.testing.assert_array_equal(cam.standardise(np.full((1, 3, 2, 2), 9.0)), np.full((1, 3, 2, 2), 0.5))
