"""A page with a title, text in two columns, a photograph and a table, for detectors of a page's parts."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = (850, 1100)
# (left, top, right, bottom) in pixels.
FIGURE, TABLE = (450, 300, 780, 540), (450, 640, 780, 838)
_WORDS = "a network finds boxes of text and figures on each page and maps show which places raise their scores"
_HEAD = ("class", "boxes", "score", "rank")


def drawn_page(photograph: Image.Image) -> Image.Image:
    """The page with this photograph; the same at every call."""
    page = Image.new("RGB", SIZE, "white")
    pen, rng = ImageDraw.Draw(page), np.random.default_rng(0)
    pen.text((150, 70), "What Makes a Detector See a Table", "black", ImageFont.load_default(34))
    for column in ((80, 150, 690, 6), (80, 300, 330, 14), (80, 600, 330, 20), (450, 880, 330, 8)):
        _draw_text(pen, *column, rng)
    page.paste(photograph.convert("RGB").resize((FIGURE[2] - FIGURE[0], FIGURE[3] - FIGURE[1])), FIGURE[:2])
    pen.text((470, 550), "Figure 1: a cup of coffee", "black", ImageFont.load_default(13))
    pen.text((470, 612), "Table 1: boxes of each class", "black", ImageFont.load_default(13))
    _draw_table(pen, rng)
    return page


def _draw_text(pen: ImageDraw.ImageDraw, left: int, top: int, width: int, lines: int, rng: np.random.Generator) -> None:
    font = ImageFont.load_default(14)
    for row in range(lines):
        line = ""
        while pen.textlength(line, font) < width - 60:
            line += f"{rng.choice(_WORDS.split())} "
        pen.text((left, top + 20 * row), line, "black", font)


def _draw_table(pen: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    left, top, right, bottom = TABLE
    font, height = ImageFont.load_default(14), (bottom - top) // 7
    for row in range(8):
        y = top + height * row
        pen.line((left, y, right, y), "black", 2 if row in {0, 1, 7} else 1)
        for column in range(4 if row < 7 else 0):
            text = str(rng.integers(1, 999)) if row else _HEAD[column]
            pen.text((left + 10 + 85 * column, y + 6), text, "black", font)
