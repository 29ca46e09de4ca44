"""The results of the sanity checks: means over the pictures, with bootstrap intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.intervals import Interval, mean_interval
from onnxcam.metadata import MethodSanity, Sanity
from onnxcam.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The rank correlation and the structural similarity of two maps.
Similarity = tuple[float, float]


@dataclass(frozen=True, slots=True)
class MethodCurves:
    """The results of one method, each a mean over the pictures with its bootstrap interval.

    Attributes:
        classes: The rank correlation of the maps of two classes; None where the model has no two.
        rank_correlation: Of the maps before and after each depth of the cascade; the first, of the last layer alone, is
            a mean over several permutations of each picture.
        unsigned: The mean magnitude of the first; it has no interval.
        structural_similarity: Likewise, of the maps scaled to [0, 1] at the input's size.
        shift: The rank correlation with the shifted input's map; None if it was not tried.
    """

    classes: Interval | None
    rank_correlation: tuple[Interval, ...]
    unsigned: float
    structural_similarity: tuple[Interval, ...]
    shift: Interval | None


@dataclass(frozen=True, slots=True)
class SanityReport:
    """The sanity checks of a model.

    Attributes:
        pictures: The number of pictures.
        layers: The names of the layers' weights, the last layer first.
        depths: The numbers of layers that were randomised.
        methods: The results, by the method's name.
    """

    pictures: int
    layers: tuple[str, ...]
    depths: tuple[int, ...]
    methods: dict[str, MethodCurves]

    @property
    def short(self) -> Sanity:
        """The short form that a model's metadata can carry."""
        methods = {
            name: MethodSanity(
                classes=None if one.classes is None else one.classes.mean,
                classifier=one.rank_correlation[0].mean,
                unsigned=one.unsigned,
                network=one.rank_correlation[-1].mean,
                shift=None if one.shift is None else one.shift.mean,
            )
            for name, one in self.methods.items()
        }
        return Sanity(self.pictures, methods, f"onnxcam {__version__}")

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


def curves_of(
    classes: Interval | None, curve: Sequence[Sequence[Similarity]], shift: Interval | None, pictures: int
) -> MethodCurves:
    """A method's results.

    Args:
        classes: As in ``MethodCurves``.
        curve: The similarities at each depth: those of the pictures, once for each permutation.
        shift: As in ``MethodCurves``.
        pictures: Their number.
    """
    # [permutations, pictures, 2] at each depth.
    depths = [np.array(pairs).reshape(-1, pictures, 2) for pairs in curve]
    ranks, structural = (tuple(interval_over(pairs[..., part].mean(axis=0)) for pairs in depths) for part in (0, 1))
    return MethodCurves(classes, ranks, _rounded(np.abs(depths[0][..., 0]).mean()), structural, shift)


def interval_over(of_pictures: Iterable[np.floating[Any] | float]) -> Interval:
    """The mean of one number of each picture, with its interval."""
    found = mean_interval(np.array(list(of_pictures), np.float64))
    return Interval(*map(_rounded, (found.mean, found.low, found.high)))


def _rounded(value: np.floating[Any] | float) -> float:
    return round(float(value), 6)
