"""The average map of each class, over the pictures in which it has the highest score."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cam import Floats
    from onnxcam.reporting.entries import Entry
    from onnxcam.scores import ClassScore


@dataclass(frozen=True, slots=True, eq=False)
class ClassAverage:
    """A class in the report.

    Attributes:
        target: The class, as one of its pictures has it.
        pictures: The number of pictures in which it has the highest score.
        mistakes: How many of these show another class; None if no true class is known.
        probability: The mean probability, or None if the model has no probabilities.
        values: The mean of the maps, each scaled to [0, 1], [h, w].
        seen: The mean of what the model saw, in grey, [side, side].
    """

    target: ClassScore
    pictures: int
    mistakes: int | None
    probability: float | None
    values: Floats
    seen: Floats


def averages(entries: Sequence[Entry]) -> list[ClassAverage]:
    """The classes that are found in pictures, those of most pictures first."""
    by_class: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_class[entry.top[0].index].append(entry)
    found = [_average(group) for group in by_class.values()]
    return sorted(found, key=lambda one: (-one.pictures, one.target.index))


def _average(entries: Sequence[Entry]) -> ClassAverage:
    known = [entry.is_mistake for entry in entries if entry.is_mistake is not None]
    probabilities = [entry.top[0].probability for entry in entries if entry.top[0].probability is not None]
    return ClassAverage(
        target=entries[0].top[0],
        pictures=len(entries),
        mistakes=sum(known) if known else None,
        probability=float(np.mean(probabilities)) if probabilities else None,
        values=np.mean([entry.explained[0].scaled for entry in entries], axis=0),
        seen=np.mean([entry.seen for entry in entries], axis=0),
    )
