"""What the functions of this package share: the type of arrays, the axes of places, and the type of sums."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def axes_of_places(array: Floats) -> tuple[int, ...]:
    """The axes of the places of [rows, K, *places]."""
    return tuple(range(2, array.ndim))


def at_least_float32(array: Floats) -> npt.DTypeLike:
    """The type to sum in: sums over a map overflow or lose digits in float16."""
    return np.result_type(array.dtype, np.float32)


def wide(array: Floats) -> Floats:
    """The array in the type to sum in."""
    return array.astype(at_least_float32(array), copy=False)


def without_negative(maps: Floats, relu: bool) -> Floats:
    """The maps, with negative values set to zero if ``relu`` says so."""
    return np.maximum(maps, 0) if relu else maps
