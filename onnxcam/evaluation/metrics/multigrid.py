"""A multigrid cycle for the equations of linear imputation, in numpy.

The operator on a pixel x is ``L x = d x - sum of w_j x_j`` over its eight neighbours, with w = 2 for direct and 1 for
diagonal ones, and d their sum. It is zero where the pixel is the weighted mean. On each grid of half the size the same
operator approximates the finer one, up to a factor of one fourth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cam import Floats

# The longer side of the coarsest grid, whose equations are solved by a dense matrix.
_COARSEST = 8


@dataclass(frozen=True, slots=True)
class Grid:
    """One of the grids.

    Attributes:
        unknown: 1 where a pixel is to be found and 0 elsewhere, [h, w].
        diagonal: d, [h, w].
        inverse_diagonal: 1/d where a pixel is to be found and 0 elsewhere, [h, w].
        inverse: Of the operator as a matrix [h w, h w], on the coarsest grid alone.
    """

    unknown: Floats
    diagonal: Floats
    inverse_diagonal: Floats
    inverse: Floats | None


def padded(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Zeros below and to the right of [..., H, W], so that both sides can be halved down to the coarsest grid."""
    height, width = array.shape[-2:]
    multiple = 1
    while max(height, width) > _COARSEST * multiple:
        multiple *= 2
    # At least two pixels of the coarsest grid along each side.
    below, right = (max(-side % multiple, 2 * multiple - side) for side in (height, width))
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + [(0, below), (0, right)])


def make_grids(unknown: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_]) -> list[Grid]:
    """The grids, the finest first. A coarse pixel is to be found if all pixels under it are that lie in the image.

    Args:
        unknown: [H, W], padded.
        inside: Where the image is, [H, W].
    """
    grids, u, within = [], unknown.astype(np.float32), inside.astype(np.float32)
    while True:
        diagonal = _neighbours(within)
        is_last = max(u.shape) <= _COARSEST
        inverse = _inverse(u, diagonal) if is_last else None
        grids.append(Grid(u, diagonal, u / np.maximum(diagonal, 1), inverse))
        if is_last:
            return grids
        count = pool(within)
        u = ((pool(u) >= count) & (count > 0)).astype(np.float32)
        within = (count > 0).astype(np.float32)


def apply_laplacian(x: Floats, grid: Grid) -> Floats:
    """``L x`` at the pixels to be found, zero elsewhere, [C, h, w]."""
    bent = grid.diagonal * x
    bent -= _neighbours(x)
    bent *= grid.unknown
    return bent


def cycle(grids: Sequence[Grid], residual: Floats) -> Floats:
    """Nearly solves ``L e = residual`` by a V-cycle with a step of Jacobi's iteration before and after; symmetric.

    Args:
        grids: From ``make_grids``.
        residual: [C, h, w], zero where a pixel is known.

    Returns:
        e, [C, h, w], zero where a pixel is known.
    """
    grid = grids[0]
    if grid.inverse is not None:
        flat = (residual * grid.unknown).reshape(len(residual), -1) @ grid.inverse
        return flat.reshape(residual.shape)
    e = residual * grid.inverse_diagonal
    remaining = residual - apply_laplacian(e, grid)
    e += interpolate(cycle(grids[1:], _restrict(remaining))) * grid.unknown
    smoothed = _neighbours(e)
    smoothed += residual
    smoothed *= grid.inverse_diagonal
    return smoothed


def pool(x: Floats) -> Floats:
    """The sums of 2 x 2 pixels, [..., h/2, w/2]."""
    rows = x[..., ::2, :] + x[..., 1::2, :]
    summed: Floats = rows[..., ::2] + rows[..., 1::2]
    return summed


def interpolate(coarse: Floats) -> Floats:
    """Bilinear interpolation to the next finer grid, [..., 2 h, 2 w]."""
    return _finer(_finer(coarse).swapaxes(-1, -2)).swapaxes(-1, -2)


def _restrict(fine: Floats) -> Floats:
    """The transpose of ``interpolate``."""
    return _coarser(_coarser(fine).swapaxes(-1, -2)).swapaxes(-1, -2)


def _neighbours(x: Floats) -> Floats:
    """The weighted sum of the eight neighbours: [1, 2, 1] along both axes, without the middle."""
    rows, total = np.empty_like(x), 2 * x
    rows[..., 1:-1, :] = x[..., :-2, :] + x[..., 2:, :]
    rows[..., 0, :], rows[..., -1, :] = x[..., 1, :], x[..., -2, :]
    rows += total
    total[..., 1:-1] = rows[..., :-2] + rows[..., 2:]
    total[..., 0], total[..., -1] = rows[..., 1], rows[..., -2]
    rows *= 2
    total += rows
    total -= 4 * x
    return total


def _finer(coarse: Floats) -> Floats:
    """Twice the rows: three fourths of the nearest and one fourth of the next."""
    *others, height, width = coarse.shape
    fine = np.empty((*others, 2 * height, width), coarse.dtype)
    fourth = coarse * np.float32(0.25)
    fine[..., ::2, :] = fine[..., 1::2, :] = coarse - fourth
    fine[..., 2::2, :] += fourth[..., :-1, :]
    fine[..., 0, :] += fourth[..., 0, :]
    fine[..., 1:-1:2, :] += fourth[..., 1:, :]
    fine[..., -1, :] += fourth[..., -1, :]
    return fine


def _coarser(fine: Floats) -> Floats:
    """Half the rows, by the transpose of ``_finer``."""
    even, odd = fine[..., ::2, :], fine[..., 1::2, :]
    coarse = (even + odd) * np.float32(0.75)
    even, odd = even * np.float32(0.25), odd * np.float32(0.25)
    coarse[..., :-1, :] += even[..., 1:, :]
    coarse[..., 0, :] += even[..., 0, :]
    coarse[..., 1:, :] += odd[..., :-1, :]
    coarse[..., -1, :] += odd[..., -1, :]
    return coarse


def _inverse(unknown: Floats, diagonal: Floats) -> Floats:
    """Of the operator on the pixels to be found; the identity on the others."""
    places = unknown.size
    ones = np.eye(places, dtype=np.float64).reshape(places, *unknown.shape)
    matrix = (diagonal * ones - _neighbours(ones)).reshape(places, places)
    fixed = unknown.ravel() == 0
    matrix[fixed] = 0
    matrix[:, fixed] = 0
    matrix[fixed, fixed] = 1
    return np.linalg.inv(matrix).astype(np.float32)
