"""Draws mean deletion and insertion curves as SVG: methods as lines in colour, baselines dashed and grey."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from onnxcam.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The sign that onnxcam wrote a file, so that it may be overwritten.
MARK = f"<!-- onnxcam evaluate {__version__} -->"
_MARK_OF_ANY_VERSION = b"<!-- onnxcam evaluate "

_WIDTH, _HEIGHT = 760, 420
_LEFT, _TOP, _RIGHT, _BOTTOM = 60, 46, 190, 48
# Okabe and Ito's colours, which colour-blind readers tell apart; a second round is dotted.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_GREYS = ("#333333", "#666666", "#8c8c8c", "#b0b0b0")
_DASHES = ("8 4", "4 3", "2 3", "10 3 2 3")


def curves_as_svg(
    title: str, subtitle: str, methods: Mapping[str, Sequence[float]], baselines: Mapping[str, Sequence[float]]
) -> str:
    """A plot of mean curves.

    Args:
        title: Above it.
        subtitle: Below the title: the convention.
        methods: The probabilities after each step, by name.
        baselines: The same.

    Returns:
        The text of an SVG file, which needs no fonts or scripts.
    """
    head = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
    parts = [
        f'<svg {head} font-family="sans-serif" font-size="12" fill="#222">',
        MARK,
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="15">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="37" fill="#555">{escape(subtitle)}</text>',
        *_axes(),
    ]
    styles = [(_COLOURS[k % 6], "1 4" if k >= 6 else "") for k in range(len(methods))]
    styles += [(_GREYS[k % 4], _DASHES[k % 4]) for k in range(len(baselines))]
    curves = {**methods, **baselines}
    for row, ((name, values), (colour, dashes)) in enumerate(zip(curves.items(), styles, strict=True)):
        parts += _line(values, colour, dashes)
        parts += _legend(row, name, colour, dashes)
    return "\n".join([*parts, "</svg>", ""])


def is_plot(content: bytes) -> bool:
    """Whether onnxcam wrote a file, by its first bytes."""
    return _MARK_OF_ANY_VERSION in content[:1000]


def _place(share: float, probability: float) -> tuple[float, float]:
    """The coordinates of a point of a curve."""
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    return _LEFT + share * across, _TOP + (1 - probability) * down


def _axes() -> list[str]:
    parts = []
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        (left, y), (right, _), (x, bottom) = _place(0, tick), _place(1, tick), _place(tick, 0)
        parts += [
            f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="{left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>',
            f'<text x="{x:.1f}" y="{bottom + 17:.1f}" text-anchor="middle">{tick:.0%}</text>',
        ]
    (middle, bottom), (_, centre) = _place(0.5, 0), _place(0, 0.5)
    turned = f'transform="translate(18 {centre:.1f}) rotate(-90)"'
    return [
        *parts,
        f'<text x="{middle:.1f}" y="{bottom + 36:.1f}" text-anchor="middle">pixels, the most salient first</text>',
        f'<text {turned} text-anchor="middle">probability of the class</text>',
    ]


def _line(values: Sequence[float], colour: str, dashes: str) -> list[str]:
    points = (_place(step / (len(values) - 1), value) for step, value in enumerate(values))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return [f'<polyline points="{path}" fill="none" stroke-width="1.8" {_stroke(colour, dashes)}/>']


def _legend(row: int, name: str, colour: str, dashes: str) -> list[str]:
    x, y = _WIDTH - _RIGHT + 18, _TOP + 8 + 19 * row
    return [
        f'<line x1="{x}" y1="{y}" x2="{x + 28}" y2="{y}" stroke-width="2.2" {_stroke(colour, dashes)}/>',
        f'<text x="{x + 36}" y="{y + 4}">{escape(name)}</text>',
    ]


def _stroke(colour: str, dashes: str) -> str:
    return f'stroke="{colour}"' + (f' stroke-dasharray="{dashes}" stroke-linecap="round"' if dashes else "")
