"""Resamples maps to the input's size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cam.arrays import Floats

Upsampling = Literal["bilinear", "nearest"]


def upsample(maps: Floats, size: Sequence[int], *, interpolation: Upsampling = "bilinear") -> Floats:
    """Resamples maps to another size, as ``torch.nn.functional.interpolate`` does.

    Args:
        maps: [M, *places].
        size: The new size, such as (height, width).
        interpolation: ``bilinear``, with half-pixel centres (PyTorch's ``align_corners=False``), which is linear along
            each axis: linear for signals and trilinear for volumes; or ``nearest`` (PyTorch's and captum's default).

    Returns:
        [M, *size].

    Raises:
        ValueError: The interpolation is neither of the two, or the size has another number of axes than the maps.
    """
    if interpolation not in {"bilinear", "nearest"}:
        raise ValueError(f"interpolation is 'bilinear' or 'nearest', not {interpolation!r}")
    if len(size) != maps.ndim - 1:
        raise ValueError(f"maps of {maps.ndim - 1} axes cannot be resampled to {list(size)}")
    large = maps
    for axis, length in enumerate(size, 1):
        if interpolation == "nearest":
            large = np.take(large, _nearest(maps.shape[axis], length), axis=axis)
        else:  # it is separable: one small matrix for each axis
            large = _along(linear_interpolation(maps.shape[axis], length).astype(maps.dtype), large, axis)
    return large


def linear_interpolation(source: int, target: int) -> npt.NDArray[np.float64]:
    """The matrix that interpolates linearly between half-pixel centres, clamped at the border.

    Args:
        source: The length before.
        target: The length after.

    Returns:
        [target, source].
    """
    position = np.maximum((np.arange(target) + 0.5) * source / target - 0.5, 0)
    lower = position.astype(np.intp)
    upper = np.minimum(lower + 1, source - 1)
    matrix = np.zeros((target, source))
    rows = np.arange(target)
    np.add.at(matrix, (rows, lower), 1 - (position - lower))
    np.add.at(matrix, (rows, upper), position - lower)
    return matrix


def _nearest(source: int, target: int) -> npt.NDArray[np.intp]:
    """The source index of each target index: floor(i * source / target), in float32 as PyTorch computes it."""
    scale = np.float32(source) / np.float32(target)
    index: npt.NDArray[np.intp] = np.floor(np.arange(target, dtype=np.float32) * scale).astype(np.intp)
    return np.minimum(index, source - 1)


def _along(matrix: Floats, maps: Floats, axis: int) -> Floats:
    """The product of a matrix with maps along one of their axes."""
    before, (size, *after) = maps.shape[:axis], maps.shape[axis:]
    if not after:
        last: Floats = np.matmul(maps, matrix.T)
        return last
    product: Floats = np.matmul(matrix, maps.reshape(math.prod(before), size, math.prod(after)))
    return product.reshape(*before, len(matrix), *after)
