"""Signals and volumes as planes."""

import numpy as np
import pytest

from onnxcam.render.planes import middle_slices, picture_of, plane_of_gradient, plane_of_map

VOLUME = np.arange(4 * 3 * 2).reshape(4, 3, 2)


def test_middle_slices_stand_side_by_side():
    plane = middle_slices(VOLUME, fill=-1)
    assert plane.shape == (4, 2 + 2 + 3)
    np.testing.assert_array_equal(plane[:3, :2], VOLUME[2])
    np.testing.assert_array_equal(plane[3, :2], [-1, -1])
    np.testing.assert_array_equal(plane[:, 2:4], VOLUME[:, 1])
    np.testing.assert_array_equal(plane[:, 4:], VOLUME[:, :, 1])


def test_the_map_of_a_signal_is_one_row_high():
    assert plane_of_map(np.arange(5.0), (40,)).shape == (1, 5)


def test_the_map_of_an_image_is_itself():
    values = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(plane_of_map(values, (8, 12)), values)


def test_the_map_of_a_volume_gets_the_volume_s_slices():
    values = np.zeros((2, 2, 2))
    values[0, 0, 0], values[1, 1, 1] = 1, -1
    plane = plane_of_map(values, (8, 6, 4))
    assert plane.shape == (8, 4 + 4 + 6)
    assert plane[7, 0] == pytest.approx(-1)  # below a slice that is less high: the lowest value
    assert plane[0, 4] > 0.3  # the first corner, where the middle slice comes near it


@pytest.mark.parametrize(("shape", "plane"), [((5, 2), (2, 5, 1)), ((4, 3, 2), (4, 3, 2)), ((4, 3, 2, 1), (4, 7, 1))])
def test_gradients(shape, plane):
    values = np.random.default_rng(0).standard_normal(shape)
    drawn = plane_of_gradient(values)
    assert drawn.shape == plane
    np.testing.assert_array_equal(
        drawn[0, :2].ravel()[0], values[(shape[0] // 2 if len(shape) == 4 else 0, *[0] * (len(shape) - 1))]
    )


@pytest.mark.parametrize(("channels", "expected"), [(1, [10] * 3), (3, [10, 20, 30]), (2, [15] * 3), (4, [25] * 3)])
def test_images_of_any_number_of_channels(channels, expected):
    image = picture_of(np.broadcast_to(np.arange(10, 10 + 10 * channels, 10, np.uint8), (2, 5, channels)))
    assert (image.mode, image.size, list(image.getpixel((4, 1)))) == ("RGB", (5, 2), expected)


def test_a_volume_is_drawn_by_its_slices():
    assert picture_of(np.zeros((4, 3, 2, 1), np.uint8)).size == (7, 4)


def ink(picture):
    """The rows that have ink, from 0 at the top to 1."""
    return np.nonzero((np.asarray(picture) < 128).any(axis=(1, 2)))[0] / picture.height


def test_a_signal_is_a_line_in_a_band_for_each_channel():
    signal = np.zeros((50, 2), np.uint8)
    signal[:, 0] = 255
    rows = ink(picture_of(signal))
    assert rows.min() == pytest.approx(0.05, abs=0.02)  # the first channel at the top of its half
    assert rows.max() == pytest.approx(0.95, abs=0.02)  # the second at the bottom of its own
    assert not ((rows > 0.1) & (rows < 0.9)).any()


def test_too_many_channels_are_drawn_as_their_mean():
    picture = picture_of(np.full((50, 300), 128, np.uint8))
    assert picture.height <= 1600
    assert ink(picture).mean() == pytest.approx(0.5, abs=0.02)
