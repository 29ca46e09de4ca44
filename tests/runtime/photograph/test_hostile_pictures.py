"""Whatever bytes a file has, they are a picture or a bad picture, and never another error."""

from __future__ import annotations

import io
import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, features

from onnxcam.errors import PictureError
from onnxcam.metadata import Preprocessing
from onnxcam.photograph.geometry import geometry
from onnxcam.photograph.opening import LONGEST_STRIP, open_picture
from onnxcam.photograph.reading import FORMATS

# Few enough that a header that lies costs no seconds.
PIXELS = 200_000

MODES = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "P", "1", "I;16"),
    "TIFF": ("RGB", "F", "I;16", "LA", "1"),
}
KNOWN = [name for name in FORMATS if name != "AVIF" or "avif" in features.get_supported()]


@cache
def sound(name: str, mode: str, frames: int) -> bytes:
    """A sound file with all that its format can have: EXIF, an orientation, several frames."""
    values = np.random.default_rng(0).integers(0, 256, (24, 32, 4), np.uint8)
    if mode == "I;16":
        image = Image.fromarray(values.view(np.uint16)[:, :, 0])
    elif mode == "F":
        image = Image.fromarray(values[:, :, 0].astype(np.float32) / 255)
    else:
        image = Image.fromarray(values).convert(mode)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    options = {"exif": exif} if name in {"JPEG", "PNG", "TIFF", "WEBP", "AVIF"} else {}
    if frames > 1 and name in {"GIF", "PNG", "TIFF", "WEBP"} and mode != "I;16":
        options |= {"save_all": True, "append_images": [image] * (frames - 1)}
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file with bytes that were changed, cut out, doubled or cut off."""
    name = draw(st.sampled_from(KNOWN))
    mode = draw(st.sampled_from(MODES.get(name, ("RGB",))))
    content = bytearray(sound(name, mode, draw(st.integers(1, 3))))
    # Headers stand at the beginning, where damage does most.
    position = st.one_of(st.integers(0, min(200, len(content) - 1)), st.integers(0, len(content) - 1))
    for _ in range(draw(st.integers(0, 6))):
        at, length = draw(position), draw(st.integers(0, 8))
        content[at : at + length] = draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"\0" * 4, b"\xff" * 4])))
    return bytes(content[: draw(st.one_of(st.just(len(content)), position))])


def check(content: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(Image, "MAX_IMAGE_PIXELS", PIXELS)
        warnings.simplefilter("ignore")  # Pillow's, about the damage
        try:
            picture = open_picture(content, shorter=8)
        except PictureError:
            return
    width, height = picture.size
    assert picture.image.mode == "RGB"
    assert 0 < width * height <= PIXELS
    assert max(picture.size) <= LONGEST_STRIP * min(picture.size)
    assert geometry(picture.size, Preprocessing(resize=256, crop=224)).size == (224, 224)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(damaged())
def test_damaged_files(content: bytes) -> None:
    check(content)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"P6 ", b"RIFF"]),
    st.binary(),
)
@example(b"", b"P6 1 20000 255\n")
@example(b"", b"P5 99999999999 1 255\n")
@example(b"", b"Pf 1 1 1e999\n")
def test_other_bytes(start: bytes, rest: bytes) -> None:
    check(start + rest)


def test_what_is_damaged_was_sound() -> None:
    for name in KNOWN:
        for mode in MODES.get(name, ("RGB",)):
            assert open_picture(sound(name, mode, 2)).image.mode == "RGB"
