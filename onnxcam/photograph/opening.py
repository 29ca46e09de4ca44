"""Opening pictures, whatever cameras, phones, scanners and the web make of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from onnxcam.errors import PictureError

PictureSource = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8]

# The longest side that a panel of a drawing has: four of them fill a wide screen.
PANEL_SIDE = 640

# A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is many times faster, and is then filtered down further.
# With twice the pixels that are needed, the filter still does most of the work: what the model sees moves by about half
# a grey level, as much as decoders may round. Who needs one decoder's very pixels can decode and hand over the array.
_OVERSAMPLING = 2
_DRAFT_SCALES = (8, 4, 2)

# The EXIF orientations that exchange width and height.
_ON_ITS_SIDE = {5, 6, 7, 8}


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph, upright and in RGB.

    Attributes:
        image: The pixels; a large JPEG may have been decoded at a fraction of its size.
        size: The full (width, height).
    """

    image: Image.Image
    size: tuple[int, int]


def open_picture(source: PictureSource, *, shorter: int | None = None, longer: int | None = None) -> Picture:
    """Opens a picture: turned upright as its EXIF says, on white where it is transparent, in 8-bit RGB.

    Args:
        source: A path, a Pillow image, or an array [H, W] or [H, W, C] of uint8 with 1, 3 or 4 channels.
        shorter: The pixels that are needed on the shorter side; a JPEG with many more is decoded at a fraction of its
            size, never below twice this.
        longer: The same for the longer side, which is not doubled.

    Returns:
        The picture.

    Raises:
        PictureError: The file is missing, empty, truncated, larger than ``PIL.Image.MAX_IMAGE_PIXELS``, or no picture.
    """
    if isinstance(source, np.ndarray):
        image = _from_array(source)
        return Picture(image, image.size)
    if isinstance(source, Image.Image):
        return _decoded(source, "the picture", None)
    path = _existing(source)
    with _identified(path) as image:
        scale = _draft_scale(image, shorter, longer)
        return _decoded(image, str(path), scale)


def _decoded(image: Image.Image, name: str, scale: int | None) -> Picture:
    _check_size(image.size, name)
    width, height = image.size
    if scale is not None:
        image.draft("RGB", (width // scale, height // scale))
    try:
        on_its_side = image.getexif().get(ExifTags.Base.Orientation, 1) in _ON_ITS_SIDE
        upright = to_rgb(ImageOps.exif_transpose(image))
        return Picture(upright, (height, width) if on_its_side else (width, height))
    except Exception as error:  # decoders raise whatever comes: OSError, SyntaxError, ValueError, struct.error, …
        raise PictureError(f"{name} is damaged or truncated: {_reason(error)}") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Converts any of Pillow's modes to RGB.

    Args:
        image: Greyscale, palette, transparent, 16-bit, 32-bit, CMYK, …

    Returns:
        8-bit RGB. Transparent pixels show white, as on paper.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _from_wide(image).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _from_wide(image: Image.Image) -> Image.Image:
    """Greyscale of more than 8 bits: 16-bit integers run to 65535, and floating point to 1 by custom."""
    values = np.asarray(image, np.float32)
    top = values.max(initial=0)
    if image.mode == "F":
        scale = 255.0 if top <= 1 else 1.0
    else:
        scale = 255 / 65535 if image.mode.startswith("I;16") or top > 255 else 1.0
    return Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))


def _from_array(array: npt.NDArray[np.uint8]) -> Image.Image:
    if array.dtype != np.uint8:
        raise PictureError(
            f"an array of pixels must be uint8, not {array.dtype}; for a preprocessed tensor use Explainer.run"
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in {3, 4})):
        raise PictureError(f"an array of pixels must be [H, W] or [H, W, C] with 1, 3 or 4 channels, not {array.shape}")
    return to_rgb(Image.fromarray(array))


def _existing(source: str | os.PathLike[str]) -> Path:
    path = Path(source)
    if path.is_dir():
        raise PictureError(f"{path} is a folder, not a picture")
    try:
        if path.stat().st_size == 0:
            raise PictureError(f"{path} is empty")
    except FileNotFoundError:
        raise PictureError(f"there is no picture {path}") from None
    except OSError as error:
        raise PictureError(f"cannot read {path}: {error.strerror or error}") from error
    return path


def _identified(path: Path) -> Image.Image:
    """Reads the header only."""
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        raise PictureError(f"{path} is not a picture in a format that Pillow reads") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{path} is too large: {_reason(error)}") from error
    except Exception as error:  # as in _decoded
        raise PictureError(f"cannot read {path}: {_reason(error)}") from error


def _check_size(size: tuple[int, int], name: str) -> None:
    """Refuses where Pillow itself only warns, so that its one documented setting decides."""
    limit = Image.MAX_IMAGE_PIXELS
    width, height = size
    if limit is not None and width * height > limit:
        raise PictureError(
            f"{name} is too large: {width} by {height} pixels are more than the {limit / 1e6:.0f} million that "
            "PIL.Image.MAX_IMAGE_PIXELS allows"
        )


def _draft_scale(image: Image.Image, shorter: int | None, longer: int | None) -> int | None:
    if shorter is None or image.format != "JPEG":
        return None
    small, large = sorted(image.size)
    return next(
        (s for s in _DRAFT_SCALES if small // s >= _OVERSAMPLING * shorter and large // s >= (longer or 0)), None
    )


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
