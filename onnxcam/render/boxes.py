"""Draws the boxes of a detection model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import ImageDraw

from onnxcam.render.lettering import font as font_of_size
from onnxcam.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from onnxcam.detection import Box as Detected
    from onnxcam.metadata import Metadata
    from onnxcam.photograph.geometry import Box, Size
    from onnxcam.render.lettering import Font

# The explained box is white between dark lines, the others are thinner and grey, so that all show on any photograph.
_WHITE, _GREY, _DARK = (255, 255, 255), (190, 190, 190), (28, 28, 28)
_THICK, _THIN = 1 / 200, 1 / 400
# Edges further outside the image than this are drawn there.
_BEYOND = 64
_TEXT, _SMALLEST_TEXT, _LONGEST_TEXT = 1 / 36, 11, 40


@dataclass(frozen=True, slots=True)
class Outline:
    """A box to draw.

    Attributes:
        corners: (left, top, right, bottom), in the image's pixels.
        text: Its class and confidence.
        is_explained: Whether it is the one that the row explains.
    """

    corners: Box
    text: str
    is_explained: bool


def outlines(boxes: Sequence[Detected], explained: Detected | None, seen: Box, metadata: Metadata) -> list[Outline]:
    """The boxes on an image of which the model saw a part.

    Args:
        boxes: Boxes in pixels of the model's input.
        explained: The one that is explained, or None; it may be none of the others.
        seen: The part that the model saw, (left, top, right, bottom) in the image's pixels.
        metadata: The model's metadata.
    """
    left, top, right, bottom = seen
    across, down = (right - left) / metadata.image.width, (bottom - top) / metadata.image.height
    drawn = []
    entries = {box.entry for box in boxes}
    others = [explained] if explained is not None and explained.entry not in entries else []
    for box in (*boxes, *others):
        x0, y0, x1, y1 = box.corners
        corners = (left + x0 * across, top + y0 * down, left + x1 * across, top + y1 * down)
        text = f"{metadata.label_of(box.c)} {box.confidence:.0%}"
        drawn.append(Outline(corners, text, explained is not None and box.entry == explained.entry))
    return drawn


def with_boxes(image: Image.Image, outlines: Sequence[Outline]) -> Image.Image:
    """Draws boxes with their texts on an image; the explained one comes last, on top.

    Args:
        image: RGB.
        outlines: The boxes, in its pixels.

    Returns:
        A new image, or the image itself if there are no boxes.
    """
    if not outlines:
        return image
    drawn = image.copy()
    pen = ImageDraw.Draw(drawn)
    font = font_of_size(max(_SMALLEST_TEXT, round(max(image.size) * _TEXT)))
    for outline in sorted(outlines, key=lambda one: one.is_explained):
        _draw(pen, outline, image.size, font)
    return drawn


def _draw(pen: ImageDraw.ImageDraw, outline: Outline, size: Size, font: Font) -> None:
    sides = zip(outline.corners, size * 2, strict=True)
    left, top, right, bottom = (round(min(max(edge, -_BEYOND), side + _BEYOND)) for edge, side in sides)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    width = max(1, round(max(size) * (_THICK if outline.is_explained else _THIN)))
    pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_DARK, width=width + 2)
    pen.rectangle((left, top, right, bottom), outline=_WHITE if outline.is_explained else _GREY, width=width)
    text, corner = one_line(outline.text, _LONGEST_TEXT), (left + width + 2, top + width + 1)
    pen.rectangle(pen.textbbox(corner, text, font), fill=_DARK)
    pen.text(corner, text, _WHITE if outline.is_explained else _GREY, font)
