"""Small pictures inside the report, as data URIs: photographs as JPEG, maps as transparent PNG."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from onnxcam import cam
from onnxcam.render.display import map_to_draw
from onnxcam.render.panels import colours_of

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.photograph.geometry import Box

# A card of the report is at most this wide on a usual screen; a photograph then takes about 30 kB.
LONGEST_PHOTOGRAPH: Final = 480
_QUALITY = 80
# The browser enlarges a map smoothly from this size on: 3 kB, and no visible difference to the full size.
_LONGEST_MAP = 56
# The side of the square, in which pictures of a class are averaged.
SQUARE: Final = 56


def photograph_uri(photograph: Image.Image) -> str:
    """A small copy of a photograph, as a data URI."""
    small = photograph.copy()
    small.thumbnail((LONGEST_PHOTOGRAPH, LONGEST_PHOTOGRAPH), Image.Resampling.LANCZOS, reducing_gap=2)
    content = io.BytesIO()
    small.save(content, "JPEG", quality=_QUALITY, optimize=True)
    return _uri("image/jpeg", content.getvalue())


def coloured_map(values: Floats) -> str:
    """A map in the colours and opacities of ``onnxcam explain``, as a data URI.

    Args:
        values: [h, w], of any range.
    """
    ratio = min(1, _LONGEST_MAP / max(values.shape))
    size = [max(1, round(side * ratio)) if ratio < 1 else side for side in values.shape]
    while max(size) * 2 <= _LONGEST_MAP:  # the browser's own enlargement of a few places shows their edges
        size = [side * 2 for side in size]
    large = cam.upsample(map_to_draw(values)[None], size)[0]
    return _png(colours_of(large))


def grey_picture(values: Floats) -> str:
    """A picture [side, side] from 0 to 255, as a data URI."""
    return _png(Image.fromarray(np.rint(values).astype(np.uint8)))


def square(photograph: Image.Image, box: Box) -> Floats:
    """The part of a photograph that the model saw, as a small square in grey.

    Args:
        photograph: RGB.
        box: The part, (left, top, right, bottom) in pixels; it may extend beyond the photograph.

    Returns:
        [SQUARE, SQUARE], from 0 to 255.
    """
    part = photograph.convert("L").crop(tuple(round(edge) for edge in box))  # type: ignore[arg-type]
    return np.asarray(part.resize((SQUARE, SQUARE), Image.Resampling.BOX), np.float32)


def _png(image: Image.Image) -> str:
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return _uri("image/png", content.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
