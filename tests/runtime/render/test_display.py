import numpy as np
import pytest

from onnxcam.cam import normalise, standardise
from onnxcam.render.display import image_to_draw, map_to_draw


def test_a_map_is_scaled_as_cam_says():
    values = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    np.testing.assert_allclose(map_to_draw(values), normalise(values[None])[0], atol=1e-6)


@pytest.mark.parametrize("constant", [0, 3, -1e38, np.nan, np.inf])
def test_a_constant_map_is_nothing(constant):
    drawn = map_to_draw(np.full((3, 4), constant, np.float32))
    np.testing.assert_array_equal(drawn, np.zeros((3, 4)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_in_a_map_is_nothing_and_the_rest_stays(bad):
    values = np.array([[2, 4], [bad, 3]], np.float32)
    np.testing.assert_allclose(map_to_draw(values), [[0, 1], [0, 0.5]])


def test_a_map_of_any_range_is_drawn():
    for scale in (1e-30, 1e38):
        np.testing.assert_allclose(map_to_draw(np.array([[-scale, scale, 0]], np.float32)), [[0, 1, 0.5]])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1e-30, 1, 1e38])
def test_an_image_of_any_range_is_standardised(channels, scale):
    values = np.random.default_rng(0).uniform(-1, 1, (8, 9, channels)).astype(np.float32)
    drawn = image_to_draw(values * np.float32(scale))
    np.testing.assert_allclose(drawn, standardise(values[None])[0], atol=1e-5)


def test_an_image_of_nothing_is_grey():
    np.testing.assert_array_equal(image_to_draw(np.zeros((2, 3, 3), np.float32)), np.full((2, 3, 3), 0.5))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_in_an_image_counts_as_zero(bad):
    values = np.random.default_rng(0).normal(size=(4, 4, 3)).astype(np.float32)
    values[1, 2, 0] = bad
    known = np.where(np.isfinite(values), values, 0)
    np.testing.assert_array_equal(image_to_draw(values), image_to_draw(known))


@pytest.mark.parametrize("channels", [2, 4, 6])
def test_channels_that_pull_in_opposite_directions_do_not_cancel(channels):
    values = np.zeros((6, 6, channels), np.float32)
    values[2, 3, 0], values[2, 3, 1] = 1, -1
    drawn = image_to_draw(values)
    assert drawn.shape == (6, 6, 1)
    assert drawn[2, 3] > 0.6
    assert np.abs(np.delete(drawn.ravel(), 2 * 6 + 3) - 0.5).max() < 0.02
