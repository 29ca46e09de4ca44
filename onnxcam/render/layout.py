"""Typesetting: strips of panels with headings, titles and small print."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from onnxcam.photograph.opening import PANEL_SIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_PAPER = (255, 255, 255)
_INK = (28, 28, 34)
_FAINT = (112, 112, 122)

# All measures are pixels for a panel of PANEL_SIDE, and shrink with smaller panels; text stays readable.
_HEADING, _TITLE, _SMALL, _SMALLEST_TEXT = 36, 26, 21, 13
_MARGIN, _LINE, _NARROWEST = 28, 30, 320


@dataclass(frozen=True, slots=True)
class Panel:
    """An image with a title and the small print below it."""

    image: Image.Image
    title: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """Panels of one size in a row, below a heading and its remark."""

    heading: str
    remark: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class _Measures:
    """The measures that follow from the size of a strip's panels, in pixels."""

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
    """Sets strips below each other.

    Args:
        strips: At least one.

    Returns:
        The sheet, RGB.
    """
    drawn = [_draw(strip) for strip in strips]
    sheet = Image.new("RGB", (max(item.width for item in drawn), sum(item.height for item in drawn)), _PAPER)
    top = 0
    for item in drawn:
        sheet.paste(item, (0, top))
        top += item.height
    return sheet


def _measure(strip: Strip) -> _Measures:
    width, height = strip.panels[0].image.size
    unit = max(width, height) / PANEL_SIDE
    heading, title, small = (
        ImageFont.load_default(max(_SMALLEST_TEXT, round(size * unit))) for size in (_HEADING, _TITLE, _SMALL)
    )
    margin, line = round(_MARGIN * unit), max(_SMALLEST_TEXT + 4, round(_LINE * unit))
    column = max(width, round(_NARROWEST * unit)) + margin
    panel_top = margin + 2 * line
    text_top = panel_top + height + line // 2
    lines = 1.2 + max(len(panel.notes) for panel in strip.panels)
    bottom = text_top + round(line * lines) + margin
    return _Measures(
        heading, title, small, margin, line, column, margin + column * len(strip.panels), panel_top, text_top, bottom
    )


def _draw(strip: Strip) -> Image.Image:
    measures = _measure(strip)
    canvas = Image.new("RGB", (measures.width, measures.height), _PAPER)
    pen = ImageDraw.Draw(canvas)
    _draw_heading(pen, strip, measures)
    for number, panel in enumerate(strip.panels):
        left = measures.margin + measures.column * number
        canvas.paste(panel.image, (left, measures.panel_top))
        _draw_notes(pen, panel, left, measures)
    return canvas


def _draw_heading(pen: ImageDraw.ImageDraw, strip: Strip, measures: _Measures) -> None:
    """The heading, and the remark behind it; a long heading gives way."""
    remark = "  " + strip.remark
    room = measures.width - 2 * measures.margin - pen.textlength(remark, measures.heading)
    heading = _fit(pen, strip.heading, room, measures.heading)
    pen.text((measures.margin, measures.margin), heading, _INK, measures.heading)
    left = measures.margin + pen.textlength(heading, measures.heading)
    pen.text((left, measures.margin), remark, _FAINT, measures.heading)


def _draw_notes(pen: ImageDraw.ImageDraw, panel: Panel, left: int, measures: _Measures) -> None:
    room = measures.column - measures.margin
    pen.text((left, measures.text_top), _fit(pen, panel.title, room, measures.title), _INK, measures.title)
    for index, note in enumerate(panel.notes):
        top = measures.text_top + round(measures.line * (1.2 + index))
        pen.text((left, top), _fit(pen, note, room, measures.small), _FAINT, measures.small)


def _fit(pen: ImageDraw.ImageDraw, text: str, room: float, font: Font) -> str:
    """Shortens a line to the room it has."""
    if pen.textlength(text, font) <= room:
        return text
    # Measuring is slow, and the width grows with the length: so the longest beginning that fits is searched by halves.
    fitting = bisect.bisect_right(range(len(text)), room, key=lambda length: pen.textlength(text[:length] + "…", font))
    return text[: max(fitting - 1, 0)] + "…"
