import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from onnxcam.errors import PictureError
from onnxcam.photograph.opening import open_picture, to_rgb


def rgb(source) -> np.ndarray:
    image = open_picture(source).image
    assert image.mode == "RGB"
    return np.asarray(image)


def random_image(mode: str = "RGB", size: tuple[int, int] = (12, 8)) -> Image.Image:
    shape = (size[1], size[0], len(Image.new(mode, (1, 1)).getbands()))
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8).squeeze(), mode)


def saved(image: Image.Image, path, **options):
    image.save(path, **options)
    return path


def test_a_path_an_image_and_an_array_are_the_same_picture(tmp_path):
    image = random_image()
    path = saved(image, tmp_path / "a.png")
    for source in (path, str(path), image, np.asarray(image)):
        np.testing.assert_array_equal(rgb(source), np.asarray(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path, orientation):
    upright = random_image()
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # the camera was turned; undone by turning back
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture = open_picture(saved(stored, tmp_path / "a.png", exif=exif))
    np.testing.assert_array_equal(np.asarray(picture.image), np.asarray(upright))
    assert picture.size == (12, 8)


def test_greyscale_bilevel_and_palette(tmp_path):
    grey = random_image("L")
    np.testing.assert_array_equal(rgb(saved(grey, tmp_path / "a.png")), np.asarray(grey)[..., None].repeat(3, 2))
    bilevel = grey.convert("1")
    assert set(np.unique(rgb(saved(bilevel, tmp_path / "b.png")))) == {0, 255}
    palette = random_image().quantize(16)
    np.testing.assert_array_equal(rgb(saved(palette, tmp_path / "c.gif")), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_shows_white(tmp_path, mode):
    black = (0,) * (len(mode) - 1)
    image = Image.new(mode, (3, 1))
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (*black, alpha))
    np.testing.assert_allclose(rgb(saved(image, tmp_path / "a.png"))[0, :, 0], [255, 127, 0], atol=1)


def test_a_transparent_palette_entry_shows_white(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((1, 0), 1)
    path = saved(image, tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(rgb(path)[0], [[255, 255, 255], [10, 20, 30]])


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    path = saved(Image.fromarray(values), tmp_path / "a.png")
    np.testing.assert_array_equal(rgb(path)[0, :, 0], [0, 1, 128, 255])


def test_wide_integers_and_floating_point():
    wide = Image.fromarray(np.array([[0, 65535]], np.int32))
    np.testing.assert_array_equal(np.asarray(to_rgb(wide))[0, :, 0], [0, 255])
    narrow = Image.fromarray(np.array([[0, 200]], np.int32))
    np.testing.assert_array_equal(np.asarray(to_rgb(narrow))[0, :, 0], [0, 200])
    unit = Image.fromarray(np.array([[0, 0.5, 1]], np.float32))
    np.testing.assert_array_equal(np.asarray(to_rgb(unit))[0, :, 0], [0, 128, 255])


def test_cmyk(tmp_path):
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = rgb(saved(image, tmp_path / "a.jpg"))[4, 4]
    assert red[0] > 200
    assert red[1:].max() < 60


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_arrays_of_pixels(shape):
    assert rgb(np.full(shape, 255, np.uint8)).shape == (4, 5, 3)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 5, 3)), "must be uint8, not float64; for a preprocessed tensor use Explainer.run"),
        (np.zeros((4, 5, 2), np.uint8), "not (4, 5, 2)"),
        (np.zeros((1, 4, 5, 3), np.uint8), "not (1, 4, 5, 3)"),
        (np.zeros((0, 5, 3), np.uint8), "not (0, 5, 3)"),
        (np.zeros(5, np.uint8), "not (5,)"),
    ],
)
def test_arrays_that_are_no_picture(array, words):
    with pytest.raises(PictureError) as caught:
        open_picture(array)
    assert words in str(caught.value)


def test_files_that_are_no_picture(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("not a picture at all")
    for name, words in {
        "missing.png": "there is no picture",
        "empty.png": "is empty",
        "text.jpg": "is not a picture",
        ".": "is a folder, not a picture",
    }.items():
        with pytest.raises(PictureError, match=words):
            open_picture(tmp_path / name)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif", "bmp", "tif"])
def test_truncated_files(tmp_path, ending):
    whole = io.BytesIO()
    random_image(size=(64, 64)).save(whole, Image.registered_extensions()[f".{ending}"])
    path = tmp_path / f"a.{ending}"
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(PictureError, match=r"a\.\w+ (is damaged or truncated|is not a picture)|cannot read"):
        open_picture(path)


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = saved(Image.new("1", (3000, 3000)), tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    with pytest.raises(PictureError, match=r"bomb\.png is too large"):
        open_picture(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000_000)
    assert open_picture(path).size == (3000, 3000)


def test_where_pillow_only_warns_we_refuse(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
    with pytest.raises(PictureError, match="12 by 8 pixels are more than"):
        open_picture(random_image())


def test_large_jpegs_are_decoded_at_a_fraction(tmp_path):
    path = saved(random_image(size=(1600, 1200)), tmp_path / "a.jpg")
    picture = open_picture(path, shorter=256)
    assert picture.image.size == (800, 600)  # a quarter would have fewer than twice the 256 pixels needed
    assert picture.size == (1600, 1200)
    assert open_picture(path).image.size == (1600, 1200)
    assert open_picture(path, shorter=100, longer=640).image.size == (800, 600)
    assert open_picture(path, shorter=601).image.size == (1600, 1200)


def test_a_fraction_of_a_turned_jpeg_has_its_full_size_turned(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture = open_picture(saved(random_image(size=(1601, 1600)), tmp_path / "a.jpg", exif=exif), shorter=100)
    assert picture.size == (1600, 1601)
    assert picture.image.size == (200, 201)
