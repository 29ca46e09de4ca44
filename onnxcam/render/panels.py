"""One panel each: the photograph, a map laid over it, a signed image in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from onnxcam.photograph.opening import PANEL_SIDE
from onnxcam.render.colours import colour

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.photograph.geometry import Box, Size

# Photographs smaller than this are enlarged, so that the map and the text beside it can be read.
_SMALLEST_SIDE = 400

# What the map leaves of the photograph: it is greyed, so that colour means evidence and nothing else, and pulled
# towards the middle, so that neither black nor white swallows the map.
_GREYED = 0.75
_MIDDLE = 118
_CONTRAST = 0.72
_OPACITY = 0.75
# Below 1: lifts weak evidence out of invisibility.
_GAMMA = 0.75

# What the model does not see, outside its crop.
_UNSEEN = 0.45
_NEUTRAL = 128


def panel_size(photograph: Size) -> Size:
    """The (width, height) at which a photograph is drawn."""
    longer = max(photograph)
    factor = min(max(longer, _SMALLEST_SIDE), PANEL_SIDE) / longer
    return (max(1, round(photograph[0] * factor)), max(1, round(photograph[1] * factor)))


def overlay(photograph: Image.Image, values: Floats, box: Box) -> Image.Image:
    """Lays a map over a photograph.

    Args:
        photograph: The panel.
        values: The map in [0, 1], [h, w]. It colours the panel as strongly as it is high.
        box: Where the map lies on the panel, (left, top, right, bottom).

    Returns:
        The panel with the map; outside the box it is faded, since the model did not see it.
    """
    image = Image.fromarray(values.astype(np.float32))
    placed = np.clip(np.asarray(_place(image, photograph.size, box, Image.Resampling.BICUBIC, 0)), 0, 1)
    opacity = (_OPACITY * placed**_GAMMA)[..., None]
    drawn = _muted(photograph) * (1 - opacity) + colour(placed) * opacity
    seen = _inside(photograph.size, box)[..., None]
    drawn = np.where(seen, drawn, 255 + (drawn - 255) * _UNSEEN)
    return Image.fromarray(np.rint(drawn).astype(np.uint8))


def signed(image: npt.NDArray[np.floating], size: Size, box: Box) -> Image.Image:
    """Draws a signed image, such as guided backpropagation, where it belongs on the photograph.

    Args:
        image: In [0, 1] with 0.5 for nothing, [H, W, C], one or three channels.
        size: The panel's (width, height).
        box: Where the image lies on the panel.

    Returns:
        The panel, grey around the box.
    """
    pixels = np.rint(image * 255).astype(np.uint8)
    drawn = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")
    return _place(drawn, size, box, Image.Resampling.BICUBIC, (_NEUTRAL, _NEUTRAL, _NEUTRAL))


def _place(
    image: Image.Image, size: Size, box: Box, resampling: Image.Resampling, fill: float | tuple[int, int, int]
) -> Image.Image:
    """Resamples an image into a box of a canvas, to fractions of a pixel."""
    left, top, right, bottom = box
    across, down = image.width / (right - left), image.height / (bottom - top)
    # Pillow maps each pixel of the canvas back to the image: x = across * (X - left).
    coefficients = (across, 0, -left * across, 0, down, -top * down)
    return image.transform(size, Image.Transform.AFFINE, coefficients, resampling, fillcolor=fill)


def _muted(photograph: Image.Image) -> Floats:
    pixels = np.asarray(photograph, np.float32)
    grey = np.asarray(photograph.convert("L"), np.float32)[..., None]
    muted: Floats = (pixels + (grey - pixels) * _GREYED - _MIDDLE) * _CONTRAST + _MIDDLE
    return muted


def _inside(size: Size, box: Box) -> npt.NDArray[np.bool_]:
    """Which of the panel's pixels have their centre in the box."""
    left, top, right, bottom = box
    x, y = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    return ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))
