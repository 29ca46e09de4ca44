"""The similarity of two maps: the rank correlation, and the structural similarity."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnxcam.cam import Floats

Doubles = npt.NDArray[np.float64]

# The window of Wang et al. 2004: a Gaussian of 11 pixels; and its constants, for values in [0, 1].
_RADIUS, _SIGMA = 5, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def spearman(first: Floats, second: Floats) -> float:
    """Spearman's rank correlation: Pearson's correlation of the ranks, equal values sharing their mean rank.

    Args:
        first: [*places].
        second: [*places].

    Returns:
        From -1 to 1. A constant map has no order: its correlation with any other is 0, and with a constant one 1.
    """
    a, b = _ranks(first.ravel()), _ranks(second.ravel())
    a, b = a - a.mean(), b - b.mean()
    norms = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if 0.0 in norms:
        return float(norms == (0, 0))
    return float(np.clip(a @ b / (norms[0] * norms[1]), -1, 1))


def structural_similarity(first: Floats, second: Floats) -> float:
    """The mean structural similarity, SSIM (Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861).

    The means m, variances v and the covariance v_ab are of a Gaussian window of 11 places with a deviation of 1.5, and
    C1 = 0.01², C2 = 0.03²::

        SSIM = (2 m_a m_b + C1) (2 v_ab + C2) / ((m_a² + m_b² + C1) (v_a + v_b + C2))

    Args:
        first: [*places], in [0, 1].
        second: [*places], in [0, 1].

    Returns:
        The mean over all places, from -1 to 1. At the border, the window is cut off and weighted anew.
    """
    a, b = first.astype(np.float64), second.astype(np.float64)
    mean_a, mean_b = _blurred(a), _blurred(b)
    variance_a, variance_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    covariance = _blurred(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    structure = (2 * covariance + _C2) / (variance_a + variance_b + _C2)
    return float((luminance * structure).mean())


def _ranks(values: Floats) -> Doubles:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: Doubles = (last - (counts - 1) / 2)[place.ravel()]
    return mean


def _blurred(values: Doubles) -> Doubles:
    for axis, length in enumerate(values.shape):
        values = np.moveaxis(np.moveaxis(values, axis, -1) @ _window(length), -1, axis)
    return values


@lru_cache(maxsize=8)
def _window(length: int) -> Doubles:
    """The matrix of the window along an axis, [length, length]; each column sums to 1."""
    distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    weights = np.where(distance <= _RADIUS, np.exp(-((distance / _SIGMA) ** 2) / 2), 0)
    matrix: Doubles = weights / weights.sum(axis=0)
    return matrix
