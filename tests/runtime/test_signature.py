import io
import zipfile

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from onnxcam import __version__
from onnxcam.signature import fingerprint, sign_archive, signature, signed_source


def drawing(path, **options):
    Image.new("RGB", (8, 8)).save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_a_drawing_says_who_made_it_of_what(tmp_path, ending):
    path = drawing(tmp_path / f"a.{ending}", exif=signature("abc"))
    assert signed_source(path) == "abc"
    with Image.open(path) as image:
        assert image.getexif()[ExifTags.Base.Software] == f"onnxcam {__version__}"
    assert signed_source(drawing(path, exif=signature())) == ""


@pytest.mark.parametrize("source", ["abc", ""])
def test_an_archive_too(tmp_path, source):
    path = tmp_path / "a.npz"
    with path.open("w+b") as file:
        np.savez(file, scores=np.arange(3))
        sign_archive(file, source)
    assert signed_source(path) == source
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["scores"], [0, 1, 2])


def test_others_do_not(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = "onnxcamera 1.0"
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "made by onnxcam 0.1.0")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("onnxcam", "onnxcam")
    for path in (
        drawing(tmp_path / "plain.png"),
        drawing(tmp_path / "plain.webp"),
        drawing(tmp_path / "camera.jpg", exif=exif),
        drawing(tmp_path / "text.png", pnginfo=text),
        tmp_path / "a.zip",
        tmp_path / "missing.png",
        tmp_path,
    ):
        assert signed_source(path) is None


def test_a_damaged_file_is_nobodys(tmp_path):
    whole = io.BytesIO()
    Image.new("RGB", (8, 8)).save(whole, "PNG", exif=signature())
    for length in range(0, len(whole.getvalue()), 7):
        (tmp_path / "a.png").write_bytes(whole.getvalue()[:length])
        assert signed_source(tmp_path / "a.png") in {None, ""}


def test_fingerprints_tell_paths_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.png"
    assert fingerprint(path) == fingerprint(path.relative_to(tmp_path))
    assert fingerprint(path) != fingerprint(tmp_path / "b" / "a.png")
    assert "a.png" not in fingerprint(path)
