import numpy as np
import pytest

from onnxcam.bulk.arrays import loudest_channel, packed


@pytest.mark.parametrize("scale", [1e-12, 1, 1e9])
def test_an_array_comes_back_whatever_its_scale(scale):
    array = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32) * np.float32(scale)
    content, peak = packed(array)
    assert peak == np.abs(array).max()
    back = np.frombuffer(content, "<f2").reshape(7, 5).astype(np.float64) * peak
    np.testing.assert_allclose(back, array, rtol=1e-3, atol=1e-4 * peak)


def test_zeros_stay_zeros():
    content, peak = packed(np.zeros((2, 2), np.float32))
    assert (content, peak) == (bytes(8), 0)


@pytest.mark.parametrize("axis", [1, 3])
def test_the_loudest_channel_keeps_its_sign(axis):
    pixels = np.moveaxis(np.array([[[[1, -3, 2]], [[-1, 0, 1]]]], np.float32), 3, axis)
    np.testing.assert_array_equal(loudest_channel(pixels, axis), [[[-3], [1]]])


def test_without_a_channel_axis_there_is_nothing_to_choose():
    pixels = np.ones((2, 4, 4), np.float32)
    assert loudest_channel(pixels, None) is pixels
