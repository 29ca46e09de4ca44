"""Lays out a picture: strips of panels with headings, titles and small print."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from onnxcam.photograph.opening import PANEL_SIDE
from onnxcam.render.lettering import fitted, font, length, write
from onnxcam.render.panels import scale
from onnxcam.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.photograph.geometry import Size
    from onnxcam.render.lettering import Font

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
    top = 0
    for strip, item in zip(strips, measures, strict=True):
        _draw(sheet, top, strip, item)
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
    heading, title, small = (font(max(_SMALLEST_TEXT, round(size * unit))) for size in (_HEADING, _TITLE, _SMALL))
    margin, line = max(_SMALLEST_MARGIN, round(_MARGIN * unit)), max(_SMALLEST_TEXT + 4, round(_LINE * unit))
    column = max(width, round(_NARROWEST * unit), _NARROWEST_COLUMN) + margin
    panel_top = margin + 2 * line
    text_top = panel_top + height + line // 2
    bottom = text_top + round(line * (1.2 + lines)) + margin
    return _Measures(heading, title, small, margin, line, column, margin + column * panels, panel_top, text_top, bottom)


def _draw(sheet: Image.Image, top: int, strip: Strip, measures: _Measures) -> None:
    _draw_heading(sheet, top + measures.margin, strip, measures)
    for number, panel in enumerate(strip.panels):
        left = measures.margin + measures.column * number
        sheet.paste(panel.image, (left, top + measures.panel_top))
        _draw_notes(sheet, (left, top + measures.text_top), panel, measures)
        if panel.has_scale:
            below = top + measures.text_top + _below_title(measures, len(panel.notes))
            _draw_scale(sheet, (left, below), measures)


def _draw_heading(sheet: Image.Image, top: int, strip: Strip, measures: _Measures) -> None:
    """The heading, and the remark after it; a long heading is cut off."""
    gap = length("  ", measures.heading)
    room = measures.width - 2 * measures.margin - gap
    remark = fitted(one_line(strip.remark), room - length("…", measures.heading), measures.heading)
    heading = fitted(one_line(strip.heading), room - length(remark, measures.heading), measures.heading)
    write(sheet, (measures.margin, top), heading, _INK, measures.heading)
    left = round(measures.margin + length(heading, measures.heading) + gap)
    write(sheet, (left, top), remark, _FAINT, measures.heading)


def _draw_notes(sheet: Image.Image, corner: tuple[int, int], panel: Panel, measures: _Measures) -> None:
    left, top = corner
    room = measures.column - measures.margin
    write(sheet, corner, fitted(one_line(panel.title), room, measures.title), _INK, measures.title)
    for index, note in enumerate(panel.notes):
        text = fitted(one_line(note), room, measures.small)
        write(sheet, (left, top + _below_title(measures, index)), text, _FAINT, measures.small)


def _below_title(measures: _Measures, index: int) -> int:
    """The distance of a line of small print from the top of the title."""
    return round(measures.line * (1.2 + index))


def _draw_scale(sheet: Image.Image, corner: tuple[int, int], measures: _Measures) -> None:
    """The colour scale, between the words at its ends."""
    left, top = corner
    blank = length(" ", measures.small)
    height = max(2, round(measures.line * _SCALE_HEIGHT))
    bar = _scale((max(1, round((measures.column - measures.margin) * _SCALE_WIDTH)), height))
    bar_left = round(left + length(_WEAK, measures.small) + blank)
    write(sheet, (left, top), _WEAK, _FAINT, measures.small)
    sheet.paste(bar, (bar_left, top + (measures.line - height) // 2 - 2))
    write(sheet, (round(bar_left + bar.width + blank), top), _STRONG, _FAINT, measures.small)


_scale = functools.lru_cache(maxsize=8)(scale)
