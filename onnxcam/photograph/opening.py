"""Opens images as upright 8-bit RGB, from cameras, phones, scanners and the web."""

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

# The longest side of a panel in a drawing: four of them fill a wide screen.
PANEL_SIDE = 640

# The longest ratio of an image's sides. The model would see very little of a longer image, and resizing its shorter
# side to the model's input would take gigabytes.
LONGEST_STRIP = 256

# A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, and is then resized further: 12 megapixels take 58 ms in full,
# 22 ms at a quarter and 19 ms at an eighth. With twice the pixels that are needed, resizing still does most of the
# filtering: the model's input changes by about half a grey level, as much as decoders may round. If you need exact
# pixels, decode the file yourself and pass the array.
_OVERSAMPLING = 2
_DRAFT_SCALES = (8, 4, 2)

# The transposition that turns an image upright, by its EXIF orientation.
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
    """A numpy array, a PyTorch tensor, or anything else that numpy can convert to an array."""

    def __array__(self) -> npt.NDArray[Any]:
        """The array."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An open image, upright and in RGB.

    Attributes:
        image: The pixels; a large JPEG may have been decoded at a fraction of its size.
        size: The full (width, height).
        has_more_frames: Whether it is the first frame of an animation, or the first page of a document.
    """

    image: Image.Image
    size: tuple[int, int]
    has_more_frames: bool = False


PictureSource = FileSource | Image.Image | Array | Picture
_TAKEN = "an image is a path, bytes, an open binary file, a Pillow image or an array [H, W, C] of uint8"


def open_picture(
    source: PictureSource,
    *,
    shorter: int | None = None,
    longer: int | None = None,
    most_pixels: int | None = None,
    name: str | None = None,
) -> Picture:
    """Opens an image as 8-bit RGB: turned upright by its EXIF orientation, and on white if it is transparent.

    Args:
        source: A path; the bytes of a file; an open binary file; a Pillow image; an array [H, W] or [H, W, C] of uint8
            with 1, 3 or 4 channels; or an open ``Picture``.
        shorter: The pixels that are needed on the shorter side. A JPEG with many more is decoded at a fraction of its
            size, never below twice this.
        longer: The pixels that are needed on the longer side; this is not doubled.
        most_pixels: A limit below Pillow's; None is Pillow's.
        name: The name for error messages; None is its path.

    Returns:
        The image; the first frame or page if the file has several.

    Raises:
        PictureError: The file is missing, empty, truncated, larger than ``PIL.Image.MAX_IMAGE_PIXELS``, more than
            ``LONGEST_STRIP`` times as long as wide, or not an image.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        return _decoded(source, name or "the image", None, most_pixels)
    if hasattr(source, "__array__"):
        image = from_array(_as_array(source))
        _check_strip(image.size, name or "the array")
        return Picture(image, image.size)
    if not isinstance(source, FILE_TYPES):
        raise PictureError(f"{_TAKEN}, not {type(source).__name__}")
    name = name or name_of(source)
    with identify(source, name) as image:
        return _decoded(image, name, _draft_scale(image, shorter, longer), most_pixels)


def picture_sources(images: PictureSource | Iterable[PictureSource]) -> list[PictureSource]:
    """Makes a list of one image or several.

    Args:
        images: A source that ``open_picture`` takes, or a list of these.

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
    except Exception as error:  # a tensor on a GPU, or one that requires a gradient, raises its library's own errors
        raise PictureError(f"the array cannot be read: {reason(error)}") from error


def _decoded(image: Image.Image, name: str, scale: int | None, most_pixels: int | None) -> Picture:
    _check_pixels(image.size, name, most_pixels)
    _check_strip(image.size, name)
    full = image.size
    if scale is not None:
        image.draft("RGB", (full[0] // scale, full[1] // scale))
    try:
        has_more_frames = _has_more_frames(image)
        image.load()
        # Pillow turns a TIFF upright while loading it. Of a JPEG decoded at a fraction, the header has the full size.
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
    """The image upright; always a copy, since the original is closed later or belongs to the caller."""
    if orientation in _TURNS:
        return rgb.transpose(_TURNS[orientation])
    return rgb.copy() if rgb is image else rgb


def _has_more_frames(image: Image.Image) -> bool:
    """Whether there is more than one frame. The additional images in a photograph (MPO) do not count."""
    with contextlib.suppress(Exception):  # a damaged second frame does not matter
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    return False


def _check_pixels(size: tuple[int, int], name: str, most: int | None) -> None:
    """Refuses an image above the limit: Pillow's, up to twice of which Pillow itself only warns, or a lower one."""
    limit = min((count for count in (Image.MAX_IMAGE_PIXELS, most) if count is not None), default=None)
    width, height = size
    if limit is not None and width * height > limit:
        raise PictureError(too_large(name, f"{width} by {height}", limit))


def _check_strip(size: tuple[int, int], name: str) -> None:
    """Refuses an image that is much longer than wide, or has no pixels."""
    if min(size) == 0:
        raise PictureError(f"{name} has no pixels: it is {size[0]} by {size[1]}")
    if max(size) > LONGEST_STRIP * min(size):
        raise PictureError(
            f"{name} has {size[0]} by {size[1]} pixels, and is more than {LONGEST_STRIP} times as long as wide; "
            "crop it first"
        )


def _draft_scale(image: Image.Image, shorter: int | None, longer: int | None) -> int | None:
    if shorter is None or image.format != "JPEG":
        return None
    small, large = sorted(image.size)
    return next(
        (s for s in _DRAFT_SCALES if small // s >= _OVERSAMPLING * shorter and large // s >= (longer or 0)), None
    )
