"""The text of a picture: headings, titles and small print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.scores import ClassScore

# Guided backpropagation hardly changes with the class, which 'onnxcam sanity' measures: its pixels are no reasons.
_NOTES = {
    "guided-backprop": "edges the network uses, alike for every class",
    "guided-grad-cam": "the same edges, where Grad-CAM is high",
    "eigen-cam": "strongest pattern, whatever the class, {where}",
}

_LARGE = 1e6


def note(method: str, layers: Sequence[str]) -> str:
    """A few words on the method and the layers of its map, for the small print of its panel."""
    where = f"at layer {layers[0]}" if len(layers) == 1 else f"largest of {len(layers)} layers"
    return _NOTES.get(method, "evidence for the class, {where}").replace("{where}", where)


def remark(explained: ClassScore) -> str:
    """The probability or the score, after a strip's heading."""
    return figure(explained) if explained.probability is not None else f"score {figure(explained)}"


def class_line(item: ClassScore) -> str:
    """One of the top classes: its probability or score, and the first synonym of its label."""
    return f"{figure(item)}  {item.label.partition(',')[0].strip()}"


def figure(item: ClassScore) -> str:
    """The probability in per cent, or the score if the model has no probabilities."""
    if item.probability is not None:
        return f"{item.probability:.1%}"
    return f"{item.score:.2f}" if abs(item.score) < _LARGE else f"{item.score:.3g}"
