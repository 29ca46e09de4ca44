"""A multigrid cycle for the equations of linear imputation, in numpy.

The operator on a pixel x is ``L x = d x - sum of w_j x_j`` over its eight neighbours, with w = 2 for direct and 1 for
diagonal ones, and d their sum. It is zero where the pixel is the weighted mean. On each grid of half the size the same
operator approximates the finer one, up to a factor of one fourth.

Results are kept in the grids' own arrays until the next call: with new ones, a solution takes a third longer.
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


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """One of the grids, and room for results on it.

    Attributes:
        unknown: 1 where a pixel is to be found and 0 elsewhere, [h, w].
        diagonal: d + 4, [h, w]: ``_smeared`` adds four times the pixel itself to its neighbours.
        inverse_diagonal: 1/d where a pixel is to be found and 0 elsewhere, [h, w].
        inverse: Of the operator as a matrix [h w, h w], on the coarsest grid alone.
        room: Four arrays [C, h, w].
    """

    unknown: Floats
    diagonal: Floats
    inverse_diagonal: Floats
    inverse: Floats | None
    room: Floats


def padded(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Zeros below and to the right of [..., H, W], so that both sides can be halved down to the coarsest grid."""
    height, width = array.shape[-2:]
    multiple = 1
    while max(height, width) > _COARSEST * multiple:
        multiple *= 2
    # At least two pixels of the coarsest grid along each side.
    below, right = (max(-side % multiple, 2 * multiple - side) for side in (height, width))
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + [(0, below), (0, right)])


def make_grids(unknown: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_], channels: int) -> list[Grid]:
    """The grids, the finest first. A coarse pixel is to be found if all pixels under it are that lie in the image.

    Args:
        unknown: [H, W], padded.
        inside: Where the image is, [H, W].
        channels: C of the images that are solved for.
    """
    grids, u, within = [], unknown.astype(np.float32), inside.astype(np.float32)
    while True:
        diagonal = _smeared(within[None], np.empty((2, 1, *u.shape), np.float32))[0]
        is_last = max(u.shape) <= _COARSEST
        inverse = _inverse(u, diagonal) if is_last else None
        room = np.empty((4, channels, *u.shape), np.float32)
        grids.append(Grid(u, diagonal, u / np.maximum(diagonal - 4, 1), inverse, room))
        if is_last:
            return grids
        count = pool(within)
        u = ((pool(u) >= count) & (count > 0)).astype(np.float32)
        within = (count > 0).astype(np.float32)


def apply_laplacian(x: Floats, grid: Grid) -> Floats:
    """``L x`` at the pixels to be found, zero elsewhere: [C, h, w] in the grid's third array."""
    bent: Floats = np.multiply(grid.diagonal, x, out=grid.room[2])
    bent -= _smeared(x, grid.room[:2])
    bent *= grid.unknown
    return bent


def cycle(grids: Sequence[Grid], residual: Floats) -> Floats:
    """Nearly solves ``L e = residual`` by a V-cycle with a step of Jacobi's iteration before and after; symmetric.

    Args:
        grids: From ``make_grids``.
        residual: [C, h, w], zero where a pixel is known.

    Returns:
        e, [C, h, w] in the second array of the first grid, zero where a pixel is known.
    """
    grid = grids[0]
    if grid.inverse is not None:
        flat = (residual * grid.unknown).reshape(len(residual), -1) @ grid.inverse
        exact: Floats = flat.reshape(residual.shape)
        return exact
    e = np.multiply(residual, grid.inverse_diagonal, out=grid.room[3])
    remaining = apply_laplacian(e, grid)
    np.subtract(residual, remaining, out=remaining)
    correction = interpolate(cycle(grids[1:], _restrict(remaining)))
    correction *= grid.unknown
    e += correction
    smoothed = _smeared(e, grid.room[:2])
    e *= 4
    smoothed -= e
    smoothed += residual
    smoothed *= grid.inverse_diagonal
    return smoothed  # in room[1]


def pool(x: Floats) -> Floats:
    """The sums of 2 x 2 pixels, [..., h/2, w/2]."""
    rows = x[..., ::2, :] + x[..., 1::2, :]
    summed: Floats = rows[..., ::2] + rows[..., 1::2]
    return summed


def interpolate(coarse: Floats) -> Floats:
    """Bilinear interpolation to the next finer grid: [C, h, w] to [C, 2 h, 2 w]."""
    images, height, width = coarse.shape
    columns = np.empty((images, height, 2 * width), coarse.dtype)  # first, while there are half as many
    _interpolate(coarse.transpose(2, 0, 1), columns.reshape(images, height, width, 2).transpose(2, 3, 0, 1))
    both = np.empty((images, 2 * height, 2 * width), coarse.dtype)
    _interpolate(columns.transpose(1, 0, 2), both.reshape(images, height, 2, 2 * width).transpose(1, 2, 0, 3))
    return both


def _restrict(fine: Floats) -> Floats:
    """The transpose of ``interpolate``: [C, h, w] to [C, h/2, w/2]."""
    images, height, width = fine.shape
    rows = np.empty((images, height // 2, width), fine.dtype)
    _transpose(fine.transpose(1, 0, 2), rows.transpose(1, 0, 2))
    both = np.empty((images, height // 2, width // 2), fine.dtype)
    _transpose(rows.transpose(2, 0, 1), both.transpose(2, 0, 1))
    return both


def _interpolate(coarse: Floats, fine: Floats) -> None:
    """Along the first axis, [n, ...] to [n, 2, ...]: three fourths of the nearest and one fourth of the next."""
    fourth = coarse * np.float32(0.25)
    near = coarse - fourth
    fine[0, 0], fine[-1, 1] = coarse[0], coarse[-1]
    np.add(near[1:], fourth[:-1], out=fine[1:, 0])
    np.add(near[:-1], fourth[1:], out=fine[:-1, 1])


def _transpose(fine: Floats, coarse: Floats) -> None:
    """The transpose of ``_interpolate``, along the first axis."""
    even, odd = fine[::2], fine[1::2]
    np.add(even, odd, out=coarse)
    coarse *= 3
    coarse[:-1] += even[1:]
    coarse[0] += even[0]
    coarse[1:] += odd[:-1]
    coarse[-1] += odd[-1]
    coarse *= np.float32(0.25)


def _smeared(x: Floats, room: Floats) -> Floats:
    """The weighted sum of the neighbours and of four times the pixel itself: [1, 2, 1] along both axes.

    Each axis takes two sums of pairs. They run over all rows and images at once, since long loops are quicker; what
    they get wrong at the ends of rows and images is set right.

    Args:
        x: [n, h, w].
        room: Two arrays of that shape; the second becomes the result.
    """
    pairs: Floats = room[0]
    total: Floats = room[1]
    width = x.shape[-1]
    flat, flat_pairs, flat_total = x.reshape(-1), pairs.reshape(-1), total.reshape(-1)
    np.add(flat[:-width], flat[width:], out=flat_pairs[:-width])
    pairs[:, -1] = x[:, -1]
    np.add(flat_pairs[:-width], flat_pairs[width:], out=flat_total[width:])
    np.add(x[:, 0], pairs[:, 0], out=total[:, 0])
    np.add(flat_total[:-1], flat_total[1:], out=flat_pairs[:-1])
    pairs[..., -1] = total[..., -1]
    first = total[..., 0] + pairs[..., 0]
    np.add(flat_pairs[:-1], flat_pairs[1:], out=flat_total[1:])
    total[..., 0] = first
    return total


def _inverse(unknown: Floats, diagonal: Floats) -> Floats:
    """Of the operator on the pixels to be found; the identity on the others."""
    places = unknown.size
    ones = np.eye(places).reshape(places, *unknown.shape)
    matrix = (diagonal * ones - _smeared(ones, np.empty((2, *ones.shape)))).reshape(places, places)
    fixed = unknown.ravel() == 0
    matrix[fixed] = 0
    matrix[:, fixed] = 0
    matrix[fixed, fixed] = 1
    return np.linalg.inv(matrix).astype(np.float32)
