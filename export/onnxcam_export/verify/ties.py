"""Finds the places of a layer where the score has no unique gradient.

A selection, such as the k largest values of a map, may find several equal values; after a ReLU these are often zeros.
Each library selects others of them, and each has a gradient. Tiny random numbers that are added to the layer select
others again, and so show which values are tied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxcam_export.verify.comparison import Array

_NOTE = (
    "{how}: {output}{where}; a selection after the layer chooses among equal values, {share:.0%} of all, and the score "
    "has no unique gradient there"
)
_NOISE = 1e-6  # of the layer's largest value
_CHANGED = 1e-3  # of the largest gradient


def ties_note(output: str, tied: Array) -> str:
    """The sentence for the report about an output's tied places, which are not compared."""
    share = float(np.mean(tied))
    how, where = ("not compared", "") if share == 1 else ("compared in part", ", where it is unique")
    return _NOTE.format(how=how, output=output, where=where, share=share)


def tied_places(gradient: Callable[[Array | None], tuple[Array, Array]]) -> Array:
    """One where a layer's value is tied, zero elsewhere, in the layer's shape.

    Args:
        gradient: The layer's value and its gradient, after the given numbers are added to it.
    """
    a, g = gradient(None)
    generator = np.random.default_rng(0)
    size = _NOISE * float(np.abs(a).max())
    changed = np.zeros(a.shape, bool)
    for _ in range(2):
        noise = (size * generator.standard_normal(a.shape)).astype(a.dtype)
        changed |= np.abs(gradient(noise)[1] - g) > _CHANGED * np.abs(g).max()
    tied = np.zeros(a.shape, a.dtype)
    for row, values, differs in zip(tied, a, changed, strict=True):
        found, counts = np.unique(values[differs], return_counts=True)
        row[np.isin(values, found[counts > 1])] = 1
    return tied
