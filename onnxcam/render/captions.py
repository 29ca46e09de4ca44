"""The words of a picture: headings, titles and small print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxcam.scores import ClassScore

TITLES = {
    "grad-cam": "Grad-CAM",
    "cam": "CAM",
    "guided-backprop": "Guided Backpropagation",
    "guided-grad-cam": "Guided Grad-CAM",
}

_NOTES = {
    "guided-backprop": "pixels that raise the score",
    "guided-grad-cam": "those pixels, where Grad-CAM sees the class",
}

_LARGE = 1e6


def note(method: str, layer: str) -> str:
    """What a panel shows, in a few words."""
    return _NOTES.get(method, f"where the class is seen, at {layer}")


def remark(explained: ClassScore) -> str:
    """The probability or the score that stands after a strip's heading."""
    return figure(explained) if explained.probability is not None else f"score {figure(explained)}"


def class_line(item: ClassScore) -> str:
    """A class among the best: its figure, and the first of its label's synonyms."""
    return f"{figure(item)}  {item.label.partition(',')[0].strip()}"


def figure(item: ClassScore) -> str:
    """The probability in per cent, or the score where the model has none."""
    if item.probability is not None:
        return f"{item.probability:.1%}"
    return f"{item.score:.2f}" if abs(item.score) < _LARGE else f"{item.score:.3g}"
