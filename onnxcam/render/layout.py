"""Lays out a picture: strips of panels with headings, titles and small print."""

from __future__ import annotations

import bisect
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from onnxcam.photograph.opening import PANEL_SIDE
from onnxcam.render.panels import scale
from onnxcam.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.photograph.geometry import Size

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_PAPER = (255, 255, 255)
_INK = (28, 28, 34)
_FAINT = (112, 112, 122)

# All measures are pixels for a panel of PANEL_SIDE. They shrink with the panels, but text stays readable.
_HEADING, _TITLE, _SMALL, _SMALLEST_TEXT = 36, 26, 21, 13
_MARGIN, _LINE, _NARROWEST = 28, 30, 320

# Room for a title in the smallest text, and between two of them.
_NARROWEST_COLUMN, _SMALLEST_MARGIN = 160, 10

# The height of the colour scale in lines, its width in columns, and the words at its ends.
_SCALE_HEIGHT, _SCALE_WIDTH = 0.5, 0.3
_WEAK, _STRONG = "weak", "strong"


@dataclass(frozen=True, slots=True)
class Panel:
    """An image with a title, small print and perhaps a colour scale below it."""

    image: Image.Image
    title: str
    notes: tuple[str, ...]
    has_scale: bool = False

    @property
    def lines(self) -> int:
        """The number of lines below the title."""
        return len(self.notes) + self.has_scale


@dataclass(frozen=True, slots=True)
class Strip:
    """Panels of one size in a row, below a heading and a remark."""

    heading: str
    remark: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class _Measures:
    """The measures of a strip in pixels, computed from the size of its panels."""

    heading: Font
    title: Font
    small: Font
    margin: int
    line: int
    column: int
    width: int
    panel_top: int
    text_top: int
    height: int


def lay_out(strips: Sequence[Strip]) -> Image.Image:
    """Draws strips below each other.

    Args:
        strips: At least one.

    Returns:
        The picture, RGB.
    """
    measures = [_measure_strip(strip) for strip in strips]
    size = (max(item.width for item in measures), sum(item.height for item in measures))
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    top = 0
    for strip, item in zip(strips, measures, strict=True):
        _draw(sheet, pen, top, strip, item)
        top += item.height
    return sheet


def strip_size(panel: Size, panels: int, lines: int) -> Size:
    """The (width, height) of a strip, computed without drawing it.

    Args:
        panel: The (width, height) of its panels.
        panels: The number of panels.
        lines: The largest number of lines below a panel's title.
    """
    measures = _measure(panel, panels, lines)
    return (measures.width, measures.height)


def _measure_strip(strip: Strip) -> _Measures:
    return _measure(strip.panels[0].image.size, len(strip.panels), max(panel.lines for panel in strip.panels))


def _measure(panel: Size, panels: int, lines: int) -> _Measures:
    width, height = panel
    unit = max(width, height) / PANEL_SIDE
    heading, title, small = (_font(max(_SMALLEST_TEXT, round(size * unit))) for size in (_HEADING, _TITLE, _SMALL))
    margin, line = max(_SMALLEST_MARGIN, round(_MARGIN * unit)), max(_SMALLEST_TEXT + 4, round(_LINE * unit))
    column = max(width, round(_NARROWEST * unit), _NARROWEST_COLUMN) + margin
    panel_top = margin + 2 * line
    text_top = panel_top + height + line // 2
    bottom = text_top + round(line * (1.2 + lines)) + margin
    return _Measures(heading, title, small, margin, line, column, margin + column * panels, panel_top, text_top, bottom)


@functools.lru_cache(maxsize=32)
def _font(size: int) -> Font:
    """Pillow's own font, cached because Pillow unpacks it at each call."""
    return ImageFont.load_default(size)


def _draw(sheet: Image.Image, pen: ImageDraw.ImageDraw, top: int, strip: Strip, measures: _Measures) -> None:
    _draw_heading(pen, top + measures.margin, strip, measures)
    for number, panel in enumerate(strip.panels):
        left = measures.margin + measures.column * number
        sheet.paste(panel.image, (left, top + measures.panel_top))
        _draw_notes(pen, (left, top + measures.text_top), panel, measures)
        if panel.has_scale:
            below = top + measures.text_top + _below_title(measures, len(panel.notes))
            _draw_scale(sheet, pen, (left, below), measures)


def _draw_heading(pen: ImageDraw.ImageDraw, top: int, strip: Strip, measures: _Measures) -> None:
    """The heading, and the remark after it; a long heading is cut off."""
    gap = pen.textlength("  ", measures.heading)
    room = measures.width - 2 * measures.margin - gap
    remark = _fit(pen, one_line(strip.remark), room - pen.textlength("…", measures.heading), measures.heading)
    heading = _fit(pen, one_line(strip.heading), room - pen.textlength(remark, measures.heading), measures.heading)
    pen.text((measures.margin, top), heading, _INK, measures.heading)
    left = measures.margin + pen.textlength(heading, measures.heading) + gap
    pen.text((left, top), remark, _FAINT, measures.heading)


def _draw_notes(pen: ImageDraw.ImageDraw, corner: tuple[int, int], panel: Panel, measures: _Measures) -> None:
    left, top = corner
    room = measures.column - measures.margin
    pen.text(corner, _fit(pen, one_line(panel.title), room, measures.title), _INK, measures.title)
    for index, note in enumerate(panel.notes):
        text = _fit(pen, one_line(note), room, measures.small)
        pen.text((left, top + _below_title(measures, index)), text, _FAINT, measures.small)


def _below_title(measures: _Measures, index: int) -> int:
    """The distance of a line of small print from the top of the title."""
    return round(measures.line * (1.2 + index))


def _draw_scale(sheet: Image.Image, pen: ImageDraw.ImageDraw, corner: tuple[int, int], measures: _Measures) -> None:
    """The colour scale, between the words at its ends."""
    left, top = corner
    blank = pen.textlength(" ", measures.small)
    height = max(2, round(measures.line * _SCALE_HEIGHT))
    bar = scale((max(1, round((measures.column - measures.margin) * _SCALE_WIDTH)), height))
    bar_left = round(left + pen.textlength(_WEAK, measures.small) + blank)
    pen.text((left, top), _WEAK, _FAINT, measures.small)
    sheet.paste(bar, (bar_left, top + (measures.line - height) // 2 - 2))
    pen.text((bar_left + bar.width + blank, top), _STRONG, _FAINT, measures.small)


def _fit(pen: ImageDraw.ImageDraw, text: str, room: float, font: Font) -> str:
    """Cuts a line off at a width in pixels."""
    if pen.textlength(text, font) <= room:
        return text
    # Measuring is slow, and the width grows with the length. So the longest part that fits is found by bisection.
    fitting = bisect.bisect_right(range(len(text)), room, key=lambda length: pen.textlength(text[:length] + "…", font))
    return text[: max(fitting - 1, 0)] + "…"
