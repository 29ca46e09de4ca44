import io
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from onnxcam.errors import PictureError
from onnxcam.photograph.opening import Picture, open_picture, picture_sources


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


def test_cmyk(tmp_path):
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = rgb(saved(image, tmp_path / "a.jpg"))[4, 4]
    assert red[0] > 200
    assert red[1:].max() < 60


def test_files_that_are_no_picture(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("not a picture at all")
    for name, words in {
        "missing.png": "there is no image",
        "empty.png": "is empty",
        "text.jpg": "is not an image",
        ".": "is a folder, not an image",
    }.items():
        with pytest.raises(PictureError, match=words):
            open_picture(tmp_path / name)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif", "bmp", "tif"])
def test_truncated_files(tmp_path, ending):
    whole = io.BytesIO()
    random_image(size=(64, 64)).save(whole, Image.registered_extensions()[f".{ending}"])
    path = tmp_path / f"a.{ending}"
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(PictureError, match=r"a\.\w+ (is damaged or truncated|is not an image)|cannot read"):
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


def test_a_tiff_on_its_side_has_its_size_turned_with_it(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image = random_image(size=(12, 8))
    picture = open_picture(saved(image, tmp_path / "a.tif", exif=exif))
    assert picture.size == picture.image.size == (8, 12)
    np.testing.assert_array_equal(np.asarray(picture.image), np.rot90(np.asarray(image), -1))


@pytest.mark.parametrize("size", [(1, 257), (257, 1), (600, 2)])
def test_long_strips_are_refused_before_they_are_decoded(tmp_path, size, monkeypatch):
    path = saved(Image.new("RGB", size), tmp_path / "strip.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _self: pytest.fail("it was decoded"))
    with pytest.raises(PictureError, match=rf"strip\.png has {size[0]} by {size[1]} pixels, .* 256 times as long"):
        open_picture(path)


def test_the_longest_strip_that_is_taken():
    assert open_picture(Image.new("RGB", (1, 256))).size == (1, 256)
    with pytest.raises(PictureError, match="the array has 1 by 257"):
        open_picture(np.zeros((257, 1), np.uint8))


def test_a_picture_without_pixels():
    with pytest.raises(PictureError, match="has no pixels: it is 0 by 5"):
        open_picture(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize(
    "error", [MemoryError(), OverflowError("x"), SyntaxError("x"), struct.error("x"), zlib.error("x"), KeyError("x")]
)
def test_whatever_a_decoder_raises_is_a_bad_picture(tmp_path, monkeypatch, error):
    def load(_self: object) -> None:
        raise error

    path = saved(random_image(), tmp_path / "a.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    words = (
        "a.png is too large: its 12 by 8 pixels take more memory" if isinstance(error, MemoryError) else "is damaged"
    )
    with pytest.raises(PictureError, match=words):
        open_picture(path)


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tif"])
def test_of_several_frames_the_first_is_taken_and_that_is_noted(tmp_path, ending):
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    options = {"lossless": True} if ending == "webp" else {}
    path = saved(first, tmp_path / f"a.{ending}", save_all=True, append_images=[second], **options)
    picture = open_picture(path)
    assert picture.has_more_frames
    assert picture.image.getpixel((4, 4)) == (255, 0, 0)
    assert not open_picture(saved(first, tmp_path / f"b.{ending}", **options)).has_more_frames


def test_the_second_image_of_a_photograph_is_no_frame(tmp_path):
    path = saved(random_image(), tmp_path / "a.mpo", save_all=True, append_images=[random_image()])
    assert not open_picture(path).has_more_frames


def test_a_damaged_second_frame_is_no_fault_of_the_first(tmp_path):
    image = random_image(size=(64, 64)).quantize(16)
    path = saved(image, tmp_path / "a.gif", save_all=True, append_images=[image.rotate(90)])
    alone = saved(image, tmp_path / "b.gif").stat().st_size
    path.write_bytes(path.read_bytes()[: alone + 40])
    np.testing.assert_array_equal(rgb(path), np.asarray(image.convert("RGB")))


def test_the_callers_image_is_copied():
    image = random_image()
    picture = open_picture(image)
    before = np.asarray(picture.image).copy()
    image.paste((0, 0, 0), (0, 0, 12, 8))
    np.testing.assert_array_equal(np.asarray(picture.image), before)


def test_bytes_files_and_a_picture_are_the_same_picture(tmp_path):
    path = saved(random_image(), tmp_path / "a.png")
    content = path.read_bytes()
    with path.open("rb") as file:
        sources = [content, bytearray(content), memoryview(content), io.BytesIO(content), file, open_picture(path)]
        for source in sources:
            np.testing.assert_array_equal(rgb(source), rgb(path))


class Tensor:
    """Stands for one of PyTorch, which the runtime's tests do without."""

    def __init__(self, array, error=None) -> None:
        self.array, self.error = array, error

    def __array__(self, dtype=None, copy=None):
        if self.error:
            raise self.error
        return np.array(self.array, dtype)


def test_what_has_the_array_protocol_is_an_array():
    image = np.asarray(random_image())
    np.testing.assert_array_equal(rgb(Tensor(image)), image)
    with pytest.raises(PictureError, match=r"float32; for a preprocessed tensor use Explainer\.run"):
        open_picture(Tensor(np.zeros((3, 8, 8), np.float32)))
    with pytest.raises(PictureError, match="the array cannot be read: it is on a GPU"):
        open_picture(Tensor(image, TypeError("it is on a GPU")))


@pytest.mark.parametrize("wrong", [5, None, 1.5, object(), {}, [], ()])
def test_wrong_things_are_bad_pictures(wrong):
    with pytest.raises(PictureError, match=f"an image is a path, bytes, .*, not {type(wrong).__name__}"):
        open_picture(wrong)


def test_one_picture_and_several(tmp_path):
    image = random_image()
    array, picture = np.asarray(image), Picture(image, image.size)
    for one in (
        "a.png",
        tmp_path,
        b"x",
        bytearray(),
        memoryview(b""),
        io.BytesIO(),
        image,
        array,
        Tensor(array),
        picture,
    ):
        assert picture_sources(one) == [one]
    assert picture_sources(iter(["a.png", image])) == ["a.png", image]
    with pytest.raises(PictureError, match="or a list of these, not int"):
        picture_sources(5)
