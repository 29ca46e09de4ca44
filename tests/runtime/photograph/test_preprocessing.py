import dataclasses

import numpy as np
import pytest
from PIL import Image

from onnxcam.errors import ModelError
from onnxcam.metadata import ImageInput, Preprocessing
from onnxcam.photograph import preprocessing
from onnxcam.photograph.opening import open_picture
from onnxcam.photograph.preprocessing import channels_last, needed_shorter_side, preprocess, to_pixels
from onnxcam.photograph.words import in_words

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture
def metadata(pooled):
    return dataclasses.replace(
        pooled.metadata,
        image=ImageInput("image", "NCHW", 3, 24, 24),
        preprocessing=Preprocessing(resize=32, crop=24, mean=MEAN, std=STD),
    )


@pytest.fixture
def photograph():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8))


def changed(metadata, image=None, **steps):
    return dataclasses.replace(
        metadata,
        image=dataclasses.replace(metadata.image, **(image or {})),
        preprocessing=dataclasses.replace(metadata.preprocessing, **steps),
    )


def tensor(photograph, metadata):
    return preprocess(open_picture(photograph), metadata)[0]


def plain_square(photograph: Image.Image, resampling=Image.Resampling.BILINEAR) -> np.ndarray:
    """Resize to 32 on the shorter side and crop 24 from the middle, by slicing."""
    resized = np.asarray(photograph.resize((53, 32), resampling), np.float64)  # 80 * 32 / 48 = 53.3
    return resized[4:28, 14:38]  # (53 - 24) / 2 = 14.5, to even


def test_it_is_resize_crop_scale_and_normalise(photograph, metadata):
    expected = (plain_square(photograph) / 255 - MEAN) / STD
    values = tensor(photograph, metadata)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    np.testing.assert_allclose(values, expected.transpose(2, 0, 1), atol=1e-5)


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic", "lanczos", "box"])
def test_each_interpolation(photograph, metadata, name):
    expected = plain_square(photograph, Image.Resampling[name.upper()])
    values = tensor(photograph, changed(metadata, interpolation=name, scale=1, mean=(0, 0, 0), std=(1, 1, 1)))
    np.testing.assert_array_equal(values, expected.transpose(2, 0, 1))


def test_channels_last(photograph, metadata):
    last = tensor(photograph, changed(metadata, {"layout": "NHWC"}))
    np.testing.assert_array_equal(last, tensor(photograph, metadata).transpose(1, 2, 0))


def test_bgr_has_its_own_means_in_its_own_order(photograph, metadata):
    values = tensor(photograph, changed(metadata, channel_order="BGR", scale=1, mean=(103, 116, 123), std=(1, 1, 1)))
    expected = plain_square(photograph)[..., ::-1] - (103, 116, 123)
    np.testing.assert_allclose(values, expected.transpose(2, 0, 1), atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_greyscale(photograph, metadata, channels):
    steps = {"channel_order": "L", "scale": 1, "mean": (0,), "std": (1,)}
    values = tensor(photograph, changed(metadata, {"channels": channels}, **steps))
    grey = plain_square(photograph) @ (0.299, 0.587, 0.114)
    assert values.shape == (channels, 24, 24)
    np.testing.assert_allclose(values, np.broadcast_to(grey, values.shape), atol=1.01)  # rounded to whole pixels


@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_other_types(photograph, metadata, dtype):
    values = tensor(photograph, changed(metadata, {"dtype": dtype}, scale=1, mean=(0, 0, 0), std=(1, 1, 1)))
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, plain_square(photograph).transpose(2, 0, 1).astype(dtype))


def test_bytes_are_rounded_and_clipped(photograph, metadata):
    steps = {"scale": 1, "mean": (100, 100, 100), "std": (0.35, 0.35, 0.35)}
    values = tensor(photograph, changed(metadata, {"dtype": "uint8"}, **steps))
    expected = np.clip(np.rint((plain_square(photograph).astype(np.float32) - 100) / np.float32(0.35)), 0, 255)
    assert (expected.min(), expected.max()) == (0, 255)
    np.testing.assert_array_equal(values, expected.transpose(2, 0, 1))


def test_a_small_picture_is_padded_with_black(metadata):
    white = np.full((10, 24, 3), 255, np.uint8)
    values = tensor(white, changed(metadata, resize=None, scale=1, mean=(0, 0, 0), std=(1, 1, 1)))
    assert values[0, :7].max() == 0
    assert values[0, 7:17].min() == 255
    assert values[0, 17:].max() == 0


def test_a_jpeg_decoded_at_a_fraction_gives_nearly_the_same(tmp_path, data, metadata):
    path = tmp_path / "large.jpg"
    Image.open(data / "coffee.jpg").resize((1200, 800), Image.Resampling.BICUBIC).save(path, quality=95)
    whole, fraction = open_picture(path), open_picture(path, shorter=needed_shorter_side(metadata))
    assert fraction.image.width * 8 == whole.image.width
    difference = preprocess(whole, metadata)[0] - preprocess(fraction, metadata)[0]
    assert np.abs(difference).mean() < 0.02  # in standard deviations; half a grey level is 0.009


def test_without_preprocessing_pictures_are_refused(photograph, metadata):
    with pytest.raises(ModelError, match="exported without preprocessing"):
        tensor(photograph, dataclasses.replace(metadata, preprocessing=None))


def test_preprocessing_that_does_not_give_the_input_size_is_refused(photograph, metadata):
    with pytest.raises(ModelError, match="takes 24 by 24 pixels, but its preprocessing makes 53 by 32"):
        tensor(photograph, changed(metadata, crop=None))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_pixels_come_back(photograph, metadata, layout, order):
    metadata = changed(metadata, {"layout": layout}, channel_order=order)
    pixels = to_pixels(tensor(photograph, metadata)[None], metadata)[0]
    np.testing.assert_array_equal(pixels, plain_square(photograph))


def test_an_image_without_an_axis_of_channels(photograph, metadata):
    flat = changed(metadata, {"layout": "NHW", "channels": 1}, channel_order="L", mean=(0.5,), std=(0.2,))
    rows = tensor(photograph, flat)[None]
    assert rows.shape == (1, 24, 24)
    with_axis = changed(metadata, {"channels": 1}, channel_order="L", mean=(0.5,), std=(0.2,))
    np.testing.assert_array_equal(rows[:, None], tensor(photograph, with_axis)[None])
    assert to_pixels(rows, flat).shape == (1, 24, 24, 1)


def test_pixels_of_an_input_that_is_no_photograph(metadata):
    rows = np.linspace(-3, 5, 2 * 3 * 24 * 24, dtype=np.float32).reshape(2, 3, 24, 24)
    pixels = to_pixels(rows, dataclasses.replace(metadata, preprocessing=None))
    assert [(row.min(), row.max()) for row in pixels] == [(0, 255), (0, 255)]
    assert to_pixels(rows * 0, dataclasses.replace(metadata, preprocessing=None)).max() == 0


def test_channels_last_is_what_pillow_takes(metadata):
    rows = np.zeros((2, 3, 24, 20))
    assert channels_last(rows, metadata).shape == (2, 24, 20, 3)


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic", "lanczos", "box"])
@pytest.mark.parametrize(
    ("size", "steps"),
    [
        ((600, 400), {}),
        ((2000, 300), {}),
        ((59, 43), {}),
        ((600, 400), {"resize": 24, "crop": 40}),  # the crop reaches beyond the picture on one side
        ((30, 20), {"resize": None, "crop": 24}),
        ((600, 400), {"resize": (40, 60), "crop": (24, 24)}),
    ],
)
def test_where_little_of_much_is_cropped_only_that_is_resized(data, metadata, monkeypatch, name, size, steps):
    photograph = Image.open(data / "coffee.jpg").resize(size)
    changes = {"interpolation": name, "scale": 1, "mean": (0, 0, 0), "std": (1, 1, 1), **steps}
    changed_metadata = changed(metadata, {"height": 40, "width": 40} if steps.get("crop") == 40 else {}, **changes)
    whole = tensor(photograph, changed_metadata)
    monkeypatch.setattr(preprocessing, "_LARGEST_RESIZED", 0)
    part = tensor(photograph, changed_metadata)
    assert np.abs(part - whole).max() <= 2
    assert np.abs(part - whole).mean() < 0.02


def test_a_strip_is_never_resized_as_a_whole(metadata, monkeypatch):
    made = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image,
        "resize",
        lambda self, size, *more, **options: (made.append(size), resize(self, size, *more, **options))[1],
    )
    large = {"height": 2000, "width": 2000}
    assert tensor(Image.new("RGB", (10, 2000)), changed(metadata, large, resize=2000, crop=2000)).shape == (
        3,
        2000,
        2000,
    )
    assert max(width * height for width, height in made) == 2000 * 2000


def test_a_letterbox_is_filled_with_its_grey(pooled):
    """60 by 40 white pixels become 8 by 5 of 8 by 8, with one row of grey above and two below."""
    steps = Preprocessing(None, 8, mean=(0.0,) * 3, std=(1.0,) * 3, letterbox=114)
    metadata = dataclasses.replace(pooled.metadata, preprocessing=steps)
    tensor, placed = preprocess(open_picture(Image.new("RGB", (60, 40), "white")), metadata)
    assert placed.resized == (8, 5)
    expected = np.full((3, 8, 8), 114 / 255, np.float32)
    expected[:, 1:6] = 1
    np.testing.assert_allclose(tensor, expected, rtol=1e-6)
    assert needed_shorter_side(metadata) == 8
    assert in_words(steps).startswith("whole in 8 bilinear, grey 114 around it, RGB")
