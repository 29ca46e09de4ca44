"""Class scores: one class of one image, and the probabilities of all classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cam import Floats

_LONGEST_LABEL = 60


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class of one image.

    Attributes:
        index: The class index.
        label: Its name, or the index as text if the model has no labels.
        score: y^c, before any softmax or sigmoid.
        probability: The score after it, or None if the model has neither.
    """

    index: int
    label: str
    score: float
    probability: float | None

    def __repr__(self) -> str:
        """One line, with four digits of each number."""
        probability = "None" if self.probability is None else f"{self.probability:.4g}"
        label = short_repr(self.label)
        return f"ClassScore(index={self.index}, label={label}, score={self.score:.4g}, probability={probability})"


def short_repr(text: str) -> str:
    """The ``repr`` of a text, cut off if it is long."""
    return repr(text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…")


def probabilities(scores: Floats, activation: Literal["softmax", "sigmoid"] | None) -> Floats | None:
    """Applies the model's own softmax or sigmoid.

    Args:
        scores: y, [N, C].
        activation: Which of the two, or None if the model has neither.

    Returns:
        [N, C] in float64, or None.
    """
    values = scores.astype(np.float64)
    if activation == "softmax":
        exponentials: Floats = np.exp(values - values.max(axis=1, keepdims=True))
        softmax: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
        return softmax
    return sigmoid(values) if activation == "sigmoid" else None


def two_labels(
    s: float, labels: Sequence[str], activation: Literal["softmax", "sigmoid"] | None
) -> tuple[ClassScore, ClassScore]:
    """The two labels of a single score: the second has the score, and the first its negative."""
    p = float(sigmoid(np.array(s, np.float64))) if activation == "sigmoid" else None
    return ClassScore(0, labels[0], -s, None if p is None else 1 - p), ClassScore(1, labels[1], s, p)


def sigmoid(values: Floats) -> Floats:
    """``1 / (1 + exp(-x))`` in a form that cannot overflow."""
    p: Floats = 0.5 * (1 + np.tanh(values / 2))
    return p
