"""The text of a picture: measured and drawn once for each wording, which most pictures of a job share."""

from __future__ import annotations

import bisect
import functools

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Colour = tuple[int, int, int]

# A line of text is at most 0.1 MB.
_CACHED = 128


@functools.lru_cache(maxsize=32)
def font(size: int) -> Font:
    """Pillow's own font, cached because Pillow unpacks it at each call."""
    return ImageFont.load_default(size)


@functools.lru_cache(maxsize=1024)
def length(text: str, font: Font) -> float:
    """The width of a line of text in pixels."""
    return font.getlength(text)


@functools.lru_cache(maxsize=_CACHED)
def fitted(text: str, room: float, font: Font) -> str:
    """Cuts a line off at a width in pixels."""
    if length(text, font) <= room:
        return text
    # Measuring is slow, and the width grows with the length. So the longest part that fits is found by bisection.
    fitting = bisect.bisect_right(range(len(text)), room, key=lambda count: font.getlength(text[:count] + "…"))
    return text[: max(fitting - 1, 0)] + "…"


def write(picture: Image.Image, corner: tuple[int, int], text: str, ink: Colour, font: Font) -> None:
    """Draws a line of text on a picture, with the ascender's left end at a corner."""
    (left, top), mask = _mask(text, font)
    picture.paste(ink, (corner[0] + left, corner[1] + top), mask)


@functools.lru_cache(maxsize=_CACHED)
def _mask(text: str, font: Font) -> tuple[tuple[int, int], Image.Image]:
    """The position of the ink from the corner, and its opacity."""
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    mask = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    ImageDraw.Draw(mask).text((-left, -top), text, 255, font)
    return (left, top), mask
