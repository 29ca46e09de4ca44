"""Boxes of a raw detection head: decoding and non-maximum suppression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from onnxcam.scores import probabilities, sigmoid

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.metadata_parts import DetectionHead

Corners = tuple[float, float, float, float]

# The usual limits of YOLO networks.
CONFIDENCE, OVERLAP, MOST = 0.25, 0.45, 300
# The anchors that suppression looks at; the others are less confident.
_MOST_CANDIDATES = 4096


@dataclass(frozen=True, slots=True)
class Box:
    """A box that a network found.

    Attributes:
        c: Its class.
        confidence: The class score after its activation, times the objectness if the head has one.
        corners: (left, top, right, bottom), in pixels of the model's input.
        entry: The index of the class score among the scores.
    """

    c: int
    confidence: float
    corners: Corners
    entry: tuple[int, int]


class BoxFinder:
    """Finds the boxes of one image, once for each pair of limits."""

    def __init__(self, s: Floats, head: DetectionHead) -> None:
        """Looks at the scores of one image, [A, F] or [F, A]."""
        self._s, self._head = s, head
        self._found: dict[tuple[float, float], list[Box]] = {}

    def __call__(self, confidence: float = CONFIDENCE, overlap: float = OVERLAP) -> list[Box]:
        """The boxes that ``found_boxes`` finds."""
        limits = (confidence, overlap)
        if limits not in self._found:
            self._found[limits] = found_boxes(self._s, self._head, confidence=confidence, overlap=overlap)
        return self._found[limits]


def found_boxes(
    s: Floats, head: DetectionHead, *, confidence: float = CONFIDENCE, overlap: float = OVERLAP
) -> list[Box]:
    """The boxes after non-maximum suppression.

    Each anchor counts for its best class other than the background. Of two boxes of one class that overlap by more than
    ``overlap``, the less confident one is left out.

    Args:
        s: The scores of one image, [A, F] or [F, A].
        head: Where the values are.
        confidence: The least of a box.
        overlap: The largest intersection over union of two boxes of one class.

    Returns:
        At most ``MOST`` boxes, the most confident first.
    """
    rows = (s if head.anchors == 0 else s.T).astype(np.float64)
    every = _confidences(rows, head)
    best = every.argmax(axis=1)
    confidences = every[np.arange(len(rows)), best]
    candidates = np.flatnonzero(confidences >= confidence)
    candidates = candidates[np.argsort(-confidences[candidates], kind="stable")][:_MOST_CANDIDATES]
    corners = _corners(rows[candidates, head.boxes : head.boxes + 4], head)
    kept = _suppressed(corners, best[candidates], overlap)
    return [
        Box(
            int(best[anchor]),
            float(confidences[anchor]),
            cast("Corners", tuple(map(float, corners[position]))),
            _entry(int(anchor), head.classes + int(best[anchor]), head),
        )
        for position, anchor in zip(kept, candidates[kept], strict=True)
    ]


def _confidences(rows: Floats, head: DetectionHead) -> Floats:
    """Those of all anchors and classes, [A, C]; -1 of the background."""
    scores = rows[:, head.classes : head.classes + head.count]
    activated = probabilities(scores, head.activation)
    confidences = scores.copy() if activated is None else activated
    if head.objectness is not None:
        objectness = rows[:, head.objectness, None]
        confidences = confidences * (sigmoid(objectness) if head.activation == "sigmoid" else objectness)
    if head.background is not None:
        confidences[:, head.background] = -1
    return confidences


def _entry(anchor: int, value: int, head: DetectionHead) -> tuple[int, int]:
    return (anchor, value) if head.anchors == 0 else (value, anchor)


def _corners(boxes: Floats, head: DetectionHead) -> Floats:
    """[n, 4] as left, top, right, bottom."""
    if head.box == "corners":
        return boxes
    centres, halves = boxes[:, :2], boxes[:, 2:] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def _suppressed(corners: Floats, classes: npt.NDArray[np.intp], overlap: float) -> npt.NDArray[np.intp]:
    """The positions of the boxes that stay, of boxes in the order of their confidence."""
    kept: list[int] = []
    left = np.arange(len(corners))
    while len(left) and len(kept) < MOST:
        first, left = left[0], left[1:]
        kept.append(int(first))
        same = classes[left] == classes[first]
        left = left[~(same & (_overlaps(corners[first], corners[left]) > overlap))]
    return np.array(kept, np.intp)


def _overlaps(one: Floats, others: Floats) -> Floats:
    """Intersection over union of a box with several; zero where both are empty."""
    sides = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    union = _area(one) + _area(others) - shared
    ratios: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratios


def _area(corners: Floats) -> Floats:
    sides: Floats = np.maximum(corners[..., 2:] - corners[..., :2], 0)
    area: Floats = sides.prod(axis=-1)
    return area
