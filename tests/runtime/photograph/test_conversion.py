import numpy as np
import pytest
from PIL import Image

from onnxcam.errors import PictureError
from onnxcam.photograph import conversion
from onnxcam.photograph.conversion import from_array, to_rgb


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(to_rgb(image))[0, :, 0], [0, 1, 128, 255])


def test_wide_integers_and_floating_point():
    wide = Image.fromarray(np.array([[0, 65535]], np.int32))
    np.testing.assert_array_equal(np.asarray(to_rgb(wide))[0, :, 0], [0, 255])
    narrow = Image.fromarray(np.array([[0, 200]], np.int32))
    np.testing.assert_array_equal(np.asarray(to_rgb(narrow))[0, :, 0], [0, 200])
    unit = Image.fromarray(np.array([[0, 0.5, 1]], np.float32))
    np.testing.assert_array_equal(np.asarray(to_rgb(unit))[0, :, 0], [0, 128, 255])


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_strips_are_the_whole(monkeypatch, dtype):
    values = np.random.default_rng(0).uniform(0, 60000, (7, 5)).astype(dtype)
    values = values / 60000 if dtype is np.float32 else values
    image = Image.fromarray(values.astype(dtype))
    whole = np.asarray(to_rgb(image))
    monkeypatch.setattr(conversion, "_STRIP", 10)  # two rows
    np.testing.assert_array_equal(np.asarray(to_rgb(image)), whole)


def test_what_is_no_number_is_black_and_infinity_white():
    values = np.array([[np.nan, np.inf, -np.inf, 100]], np.float32)
    assert np.asarray(to_rgb(Image.fromarray(values)))[0, :, 0].tolist() == [0, 255, 0, 100]


def test_white_shows_through_as_much_as_alpha_says():
    alpha = np.arange(256, dtype=np.uint8)
    pixels = np.stack([alpha * 0 + 40] * 3 + [alpha], -1)[None]
    expected = 255 + (40 - 255) * alpha.astype(np.float32) / 255
    np.testing.assert_allclose(np.asarray(to_rgb(Image.fromarray(pixels)))[0, :, 0], expected, atol=0.51)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_arrays_of_pixels(shape):
    assert from_array(np.full(shape, 255, np.uint8)).size == (5, 4)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 5, 3)), "must be uint8, not float64; for a preprocessed tensor use Explainer.run"),
        (np.zeros((4, 5, 2), np.uint8), "not (4, 5, 2); move its channels from the first axis to the last"),
        (np.zeros((3, 4, 5), np.uint8), "not (3, 4, 5); move its channels"),
        (np.zeros((1, 4, 5, 3), np.uint8), "not (1, 4, 5, 3)"),
        (np.zeros((0, 5, 3), np.uint8), "not (0, 5, 3)"),
        (np.zeros(5, np.uint8), "not (5,)"),
    ],
)
def test_arrays_that_are_no_picture(array, words):
    with pytest.raises(PictureError) as caught:
        from_array(array)
    assert words in str(caught.value)
