"""Converts arrays, and images of any of Pillow's modes, to 8-bit RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from onnxcam.errors import PictureError

# The pixels that are converted at a time, since a 32-bit copy of a whole image is large.
_STRIP = 2**22


def to_rgb(image: Image.Image) -> Image.Image:
    """Converts any of Pillow's modes to RGB.

    Args:
        image: Greyscale, palette, transparent, 16-bit, 32-bit, CMYK, …

    Returns:
        8-bit RGB. Transparent pixels become white.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _from_wide(image).convert("RGB")
    if image.has_transparency_data:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(rgba, mask=rgba)
        return paper
    return image.convert("RGB")


def from_array(array: npt.NDArray[Any]) -> Image.Image:
    """Converts an array of pixels to RGB.

    Args:
        array: uint8, [H, W] or [H, W, C] with 1, 3 or 4 channels.

    Returns:
        8-bit RGB.

    Raises:
        PictureError: The array has another type or shape.
    """
    if array.dtype != np.uint8:
        raise PictureError(
            f"an array of pixels must be uint8, not {array.dtype}; for a preprocessed tensor use Explainer.run"
        )
    pixels = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
    is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in {3, 4})
    if not is_picture or not pixels.size:
        raise PictureError(
            f"an array of pixels must be [H, W] or [H, W, C] with 1, 3 or 4 channels, not {array.shape}{_hint(array)}"
        )
    return to_rgb(Image.fromarray(pixels))


def _hint(array: npt.NDArray[Any]) -> str:
    channels_first = array.ndim == 3 and array.shape[0] in {1, 3, 4} and array.size
    return "; move its channels from the first axis to the last" if channels_first else ""


def _from_wide(image: Image.Image) -> Image.Image:
    """Converts greyscale of more than 8 bits: 16-bit integers run to 65535, and floating point usually to 1."""
    scale = _scale(image)
    grey = Image.new("L", image.size)
    height = max(1, _STRIP // image.width)
    for top in range(0, image.height, height):
        rows = image.crop((0, top, image.width, min(top + height, image.height)))
        values = np.nan_to_num(np.asarray(rows, np.float32) * scale)
        grey.paste(Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)), (0, top))
    return grey


def _scale(image: Image.Image) -> float:
    if image.mode.startswith("I;16"):
        return 255 / 65535
    top: Any = image.getextrema()[1]
    if image.mode == "F":
        return 255.0 if top <= 1 else 1.0
    return 255 / 65535 if top > 255 else 1.0
