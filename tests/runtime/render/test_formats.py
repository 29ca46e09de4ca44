import io
from pathlib import Path

import pytest
from PIL import Image

from onnxcam.errors import OutputError
from onnxcam.render.formats import encode, named_format, picture_format, save_picture


def test_endings():
    assert [picture_format(Path(name)) for name in ("a.png", "a.JPG", "b.jpeg", "c.d.webp")] == [
        "PNG",
        "JPEG",
        "JPEG",
        "WEBP",
    ]


@pytest.mark.parametrize("name", ["a", "a.xyz", ".png", "png"])
def test_unknown_endings(name):
    with pytest.raises(OutputError, match=r"the ending must be one of \.png, \.jpg, \.jpeg, \.webp"):
        picture_format(Path(name))


def test_names():
    assert [named_format(name) for name in ("png", ".PNG", "jpg", "JPEG", "webp")] == [
        "PNG",
        "PNG",
        "JPEG",
        "JPEG",
        "WEBP",
    ]


@pytest.mark.parametrize("name", ["", "gif", "x.png", "\u202e"])
def test_unknown_names(name):
    with pytest.raises(OutputError, match=r"there is no picture format .*; it must be one of png, jpg, jpeg, webp"):
        named_format(name)


def draw() -> Image.Image:
    return Image.new("RGB", (20, 10), "teal")


def never() -> Image.Image:
    raise AssertionError


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_encoded_pictures_are_of_their_format(name):
    with Image.open(io.BytesIO(encode(draw(), name))) as image:
        assert (image.format, image.size, image.mode) == (name, (20, 10), "RGB")
        assert image.getpixel((0, 0)) == pytest.approx((0, 128, 128), abs=4)


def test_a_file_object_takes_the_bytes_and_stays_open():
    file = io.BytesIO()
    assert save_picture(file, draw, "png") is None
    assert file.getvalue() == encode(draw(), "PNG")


def test_a_format_that_is_named_goes_before_the_ending(tmp_path):
    path = save_picture(tmp_path / "picture.bin", draw, "webp")
    with Image.open(path) as image:
        assert image.format == "WEBP"


def test_nothing_is_drawn_for_a_target_that_is_no_good(tmp_path):
    with pytest.raises(OutputError, match="give format=, one of png, jpg, jpeg, webp"):
        save_picture(io.BytesIO(), never)
    with pytest.raises(OutputError, match="to a path or a file object, not to a int"):
        save_picture(3, never, "png")
    with pytest.raises(OutputError, match="does not exist"):
        save_picture(tmp_path / "none" / "picture.png", never)


def test_file_objects_that_take_no_bytes():
    with pytest.raises(OutputError, match="takes text, and a picture is bytes; open it with mode 'wb'"):
        save_picture(io.StringIO(), draw, "png")
    closed = io.BytesIO()
    closed.close()
    with pytest.raises(OutputError, match="cannot write to the file object: I/O operation on closed file"):
        save_picture(closed, draw, "png")


def test_a_file_that_is_open_for_reading_only(tmp_path):
    path = tmp_path / "picture.png"
    path.touch()
    with path.open("rb") as file, pytest.raises(OutputError, match="cannot write to the file object: "):
        save_picture(file, draw, "png")
