"""Opening pictures, whatever cameras, phones, scanners and the web make of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from PIL import ExifTags, Image

from onnxcam.errors import PictureError
from onnxcam.photograph.conversion import from_array, to_rgb
from onnxcam.photograph.reading import FILE_TYPES, FileSource, identify, name_of, reason, too_large

if TYPE_CHECKING:
    import numpy.typing as npt

# The longest side that a panel of a drawing has: four of them fill a wide screen.
PANEL_SIDE = 640

# Of a longer strip the model would see next to nothing; made as wide as the model's input, it would take gigabytes.
LONGEST_STRIP = 256

# A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is many times faster, and is then filtered down further.
# With twice the pixels that are needed, the filter still does most of the work: what the model sees moves by about half
# a grey level, as much as decoders may round. If you need exact pixels, decode the file yourself and pass the array.
_OVERSAMPLING = 2
_DRAFT_SCALES = (8, 4, 2)

# How a picture is turned upright, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = {5, 6, 7, 8}


class Array(Protocol):
    """A numpy array, a PyTorch tensor, or whatever else numpy can make an array of."""

    def __array__(self) -> npt.NDArray[Any]:
        """The array."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph, upright and in RGB.

    Attributes:
        image: The pixels; a large JPEG may have been decoded at a fraction of its size.
        size: The full (width, height).
        has_more_frames: Whether it is the first of an animation's frames, or of a document's pages.
    """

    image: Image.Image
    size: tuple[int, int]
    has_more_frames: bool = False


PictureSource = FileSource | Image.Image | Array | Picture
_TAKEN = "a picture is a path, bytes, an open binary file, a Pillow image or an array [H, W, C] of uint8"


def open_picture(
    source: PictureSource, *, shorter: int | None = None, longer: int | None = None, name: str | None = None
) -> Picture:
    """Opens a picture: turned upright as its EXIF says, on white where it is transparent, in 8-bit RGB.

    Args:
        source: A path; the bytes of a file; an open binary file; a Pillow image; an array [H, W] or [H, W, C] of uint8
            with 1, 3 or 4 channels; or a picture that is open already.
        shorter: The pixels that are needed on the shorter side; a JPEG with many more is decoded at a fraction of its
            size, never below twice this.
        longer: The same for the longer side, which is not doubled.
        name: What to call it in errors; None is its path.

    Returns:
        The picture. Of an animation, or a file of several pages, it is the first.

    Raises:
        PictureError: The file is missing, empty, truncated, larger than ``PIL.Image.MAX_IMAGE_PIXELS``, more than
            ``LONGEST_STRIP`` times as long as wide, or no picture.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        return _decoded(source, name or "the picture", None)
    if hasattr(source, "__array__"):
        image = from_array(_as_array(source))
        _check_strip(image.size, name or "the array")
        return Picture(image, image.size)
    if not isinstance(source, FILE_TYPES):
        raise PictureError(f"{_TAKEN}, not {type(source).__name__}")
    name = name or name_of(source)
    with identify(source, name) as image:
        return _decoded(image, name, _draft_scale(image, shorter, longer))


def picture_sources(images: PictureSource | Iterable[PictureSource]) -> list[PictureSource]:
    """One picture or several, as a list.

    Args:
        images: What ``open_picture`` takes, or a list of these.

    Raises:
        PictureError: It is neither.
    """
    if isinstance(images, (*FILE_TYPES, Image.Image, Picture)) or hasattr(images, "__array__"):
        return [cast("PictureSource", images)]
    if not isinstance(images, Iterable):
        raise PictureError(f"{_TAKEN}, or a list of these, not {type(images).__name__}")
    return list(images)


def _as_array(source: Any) -> npt.NDArray[Any]:
    try:
        return np.asarray(source)
    except Exception as error:  # a tensor on a GPU, or one that needs its gradient, raises whatever its library likes
        raise PictureError(f"the array cannot be read: {reason(error)}") from error


def _decoded(image: Image.Image, name: str, scale: int | None) -> Picture:
    _check_pixels(image.size, name)
    _check_strip(image.size, name)
    full = image.size
    if scale is not None:
        image.draft("RGB", (full[0] // scale, full[1] // scale))
    try:
        has_more_frames = _has_more_frames(image)
        image.load()
        # Pillow turns a TIFF upright as it loads it; of a JPEG's fraction only the header knows the full size.
        width, height = image.size if scale is None else full
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        upright = _turned(image, to_rgb(image), orientation)
    except MemoryError as error:
        raise PictureError(
            f"{name} is too large: its {full[0]} by {full[1]} pixels take more memory than there is"
        ) from error
    except Exception as error:  # as in onnxcam.photograph.reading
        raise PictureError(f"{name} is damaged or truncated: {reason(error)}") from error
    return Picture(upright, (height, width) if orientation in _ON_ITS_SIDE else (width, height), has_more_frames)


def _turned(image: Image.Image, rgb: Image.Image, orientation: int) -> Image.Image:
    """The picture upright; a copy at least, since the original is closed, or is the caller's."""
    if orientation in _TURNS:
        return rgb.transpose(_TURNS[orientation])
    return rgb.copy() if rgb is image else rgb


def _has_more_frames(image: Image.Image) -> bool:
    """Whether something comes after the first frame. The second images of photographs (MPO) are not meant."""
    with contextlib.suppress(Exception):  # a damaged second frame is no fault of the first
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    return False


def _check_pixels(size: tuple[int, int], name: str) -> None:
    """Refuses where Pillow itself only warns, so that its one documented setting decides."""
    limit = Image.MAX_IMAGE_PIXELS
    width, height = size
    if limit is not None and width * height > limit:
        raise PictureError(too_large(name, f"{width} by {height}"))


def _check_strip(size: tuple[int, int], name: str) -> None:
    """Refuses what is much longer than wide, or has no pixels."""
    if min(size) == 0:
        raise PictureError(f"{name} has no pixels: it is {size[0]} by {size[1]}")
    if max(size) > LONGEST_STRIP * min(size):
        raise PictureError(
            f"{name} has {size[0]} by {size[1]} pixels, and is more than {LONGEST_STRIP} times as long as wide; "
            "cut out what matters"
        )


def _draft_scale(image: Image.Image, shorter: int | None, longer: int | None) -> int | None:
    if shorter is None or image.format != "JPEG":
        return None
    small, large = sorted(image.size)
    return next(
        (s for s in _DRAFT_SCALES if small // s >= _OVERSAMPLING * shorter and large // s >= (longer or 0)), None
    )
