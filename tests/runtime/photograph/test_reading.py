import io
import os
import socket
import stat
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from onnxcam.errors import PictureError
from onnxcam.photograph import reading
from onnxcam.photograph.reading import FORMATS, identify, name_of

ENDINGS = {
    "PNG": "png",
    "JPEG": "jpg",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tif",
    "JPEG2000": "jp2",
    "PPM": "ppm",
    "AVIF": "avif",
}


def content(name: str, **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, name, **options)
    return file.getvalue()


def refused(source: object, name: str = "it") -> str:
    with pytest.raises(PictureError) as caught:
        identify(source, name)
    return str(caught.value)


def test_all_formats_have_an_ending_here():
    assert set(ENDINGS) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_read(name, tmp_path):
    if name == "AVIF" and "avif" not in features.get_supported():
        pytest.skip("this Pillow has no AVIF")
    path = tmp_path / f"a.{ENDINGS[name]}"
    path.write_bytes(content(name))
    for source in (path, path.read_bytes()):
        with identify(source, "it") as image:
            assert (image.format, image.size) == (name, (16, 12))


def test_a_photograph_with_a_second_image_is_read_as_jpeg(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    with identify(tmp_path / "a.jpg", "it") as image:
        assert image.format == "MPO"


@pytest.mark.parametrize("name", ["EPS", "ICO", "ICNS", "PCX", "TGA", "SGI", "DDS", "XBM", "PDF"])
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_no_other_format_is_read_whatever_its_ending(name, ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    image = Image.new("1" if name == "XBM" else "RGB", (32, 32))
    image.save(path, name)
    message = refused(path)
    assert message.startswith("it is not an image in a format that onnxcam reads: JPEG, PNG, ")
    assert "PGM" in message


def test_ghostscript_is_not_started(tmp_path, monkeypatch):
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    Image.new("RGB", (32, 32)).save(tmp_path / "a.jpg", "EPS")
    refused(tmp_path / "a.jpg")
    assert not (tmp_path / "started").exists()


def test_heic_is_named(tmp_path):
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    (tmp_path / "a.jpg").write_bytes(heic)
    for source in (heic, tmp_path / "a.jpg"):
        assert refused(source).endswith("it is HEIC; convert it to JPEG or PNG")


def test_there_is_one_sentence_for_pictures_that_are_too_large(monkeypatch):
    large = content("PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90)  # 192 are more than twice as many
    assert refused(large) == reading.too_large("it", "its", 90)
    assert refused(large).endswith(
        "its pixels are more than the limit of 90; if you trust the image, raise the limit with --max-pixels "
        "(in Python PIL.Image.MAX_IMAGE_PIXELS)"
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "the name of an image is empty"),
        ("a\0b", "embedded null"),
        ("x" * 5000, "cannot read it: File name too long"),
        ("missing.png", "there is no image it"),
        ("missing/a.png", "there is no image it"),
        (".", "it is a folder, not an image"),
        (b"", "it is empty"),
        (io.BytesIO(), "it is empty"),
        (io.StringIO("text"), "it is open as text; open it as binary"),
    ],
)
def test_what_cannot_be_read_is_said(source, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert words in refused(source)


def test_files_that_the_system_refuses(tmp_path, monkeypatch):
    def denied(_self: Path, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", denied)  # root may read anything
    assert refused(tmp_path / "a.png") == "cannot read it: Permission denied"


def test_a_closed_file(tmp_path):
    (tmp_path / "a.png").write_bytes(content("PNG"))
    file = (tmp_path / "a.png").open("rb")
    file.close()
    assert "closed file" in refused(file)


def test_a_socket_is_no_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert refused("s").startswith("cannot read it: ")


class Drops(io.RawIOBase):
    """Gives a few bytes at a time, as pipes do, and cannot go back."""

    def __init__(self, content: bytes) -> None:
        self.rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self.rest.readinto(memoryview(buffer)[:7])


def test_a_stream_is_read_to_its_end():
    with identify(Drops(content("PNG")), "it") as image:
        assert image.size == (16, 12)
        image.load()


def test_a_pipe_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content("PNG"),))
    writer.start()
    with identify(pipe, "it") as image:
        assert image.size == (16, 12)
    writer.join()


def test_an_endless_stream_ends(monkeypatch):
    monkeypatch.setattr(reading, "STREAM_LIMIT", 2**21)
    assert refused("/dev/zero") == "it gives more than 2 MiB; a stream must be smaller"


def test_names(tmp_path):
    assert name_of("a.png") == "a.png"
    assert name_of(tmp_path / "a.png") == str(tmp_path / "a.png")
    assert name_of(b"bytes") == name_of(io.BytesIO()) == "the image"
    with (tmp_path / "a").open("w+b") as file:
        assert name_of(file) == str(tmp_path / "a")
    with os.fdopen(os.open(os.devnull, os.O_RDONLY), "rb") as file:
        assert name_of(file) == "the image"
