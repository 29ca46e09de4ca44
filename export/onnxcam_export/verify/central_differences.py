"""Gradients checked by central differences, in float32, where rounding and kinks are what limits the comparison.

``(y(A + h d) - y(A - h d)) / 2h`` must be ``<g, d>``. Large steps h cross kinks (ReLU, max pooling) and bend; small
ones drown in rounding. So the steps of a ladder are taken from large to small, until two neighbours agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Array = npt.NDArray[Any]
    Function = Callable[[Array], float]

# The step's length relative to the activation's, |h d| / |A|, from large to small.
LADDER = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
# At the image, steps along the gradient are adversarial: only small ones stay in the linear region.
IMAGE_LADDER = LADDER[3:]

# Relative to <g, d>. On trained networks correct gradients are within a third of what is allowed, nearly always.
ALLOWED = 2e-2
SETTLED = 5e-3
# A difference below this part of the score itself is rounding.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a gradient compared.

    Attributes:
        error: The largest relative error of the directions that were compared; None where none was.
        compared: How many those are.
        skipped: How many were left out, because the steps did not agree.
    """

    error: float | None
    compared: int
    skipped: int


def compare(
    y: Function, a: Array, g: Array, directions: Iterable[tuple[Array, float]], ladder: Sequence[float] = LADDER
) -> Agreement:
    """Compares a gradient with differences along directions.

    Args:
        y: The score at a value of the activation.
        a: The activation, of any shape.
        g: What is said to be the gradient of y there, of the same shape.
        directions: Pairs of a direction, and the size that ``<g, d>`` would have in the mean.
        ladder: The steps, from large to small.
    """
    errors = []
    skipped = 0
    for d, scale in directions:
        expected = float(np.vdot(g, d))
        error = _along(y, a, d, expected, scale=max(abs(expected), scale), ladder=ladder)
        if error is None:
            skipped += 1
        else:
            errors.append(error)
    return Agreement(max(errors, default=None), len(errors), skipped)


def combine(parts: list[Agreement]) -> Agreement:
    """Several comparisons as one."""
    errors = [part.error for part in parts if part.error is not None]
    return Agreement(
        max(errors, default=None), sum(part.compared for part in parts), sum(part.skipped for part in parts)
    )


def along_gradient(g: Array) -> Iterator[tuple[Array, float]]:
    """Along the gradient itself: whether it has the right length, and points where the score rises."""
    if np.any(g):
        yield g, 0.0


def along_parts_of_gradient(g: Array) -> Iterator[tuple[Array, float]]:
    """Along the gradient, and along what it is in half of the channels, in a rectangle, and in half of all elements.

    What the elements do adds up in these, so that kinks and rounding matter little.

    Args:
        g: A gradient, [1, _, _, _].
    """
    generator = np.random.default_rng(0)
    yield from along_gradient(g)
    for mask in (
        _block(generator, g.shape, (1,)),
        _block(generator, g.shape, (2, 3)),
        generator.integers(0, 2, g.shape),
    ):
        if np.any(g * mask):
            yield g * mask, 0.0


def movable(a: Array) -> Array:
    """Ones where the activation can be moved, zeros where it sits on a kink itself.

    A ReLU or ReLU6 cuts off at exactly 0 or exactly the bound; a max pooling after it finds ties there, and
    a score has no derivative with respect to a tie.
    """
    bound = a.max()
    saturated = (a == bound) & (np.count_nonzero(a == bound) > 1)
    return np.asarray((a != 0) & ~saturated, a.dtype)


def restricted_to(free: Array, directions: Iterable[tuple[Array, float]]) -> Iterator[tuple[Array, float]]:
    """The directions, moving only what ``free`` has ones for."""
    for d, scale in directions:
        if np.any(d * free):
            yield d * free, scale


def along_activation(a: Array, g: Array) -> Iterator[tuple[Array, float]]:
    """Along the activation, and along one random number for each channel: what adds up though g did not choose it.

    Args:
        a: The activation, [1, K, h, w].
        g: Its gradient.
    """
    if np.any(a):
        yield a, float(np.linalg.norm(g * a))
    each = np.random.default_rng(1).standard_normal((1, a.shape[1], 1, 1))
    yield np.broadcast_to(each, a.shape), float(np.linalg.norm(g.sum(axis=(2, 3))))


def random_direction(g: Array) -> Iterator[tuple[Array, float]]:
    """Along random numbers: the only direction that finds a part of g missing, where it is not lost among kinks.

    It is held to half the accuracy, since nothing adds up in it.
    """
    yield np.random.default_rng(2).standard_normal(g.shape), 2 * float(np.linalg.norm(g))


def _block(generator: np.random.Generator, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """Ones in a block of half the size along each of the axes, zeros elsewhere."""
    chosen = [slice(None)] * len(shape)
    for axis in axes:
        size = max(1, shape[axis] // 2)
        start = int(generator.integers(0, shape[axis] - size + 1))
        chosen[axis] = slice(start, start + size)
    mask = np.zeros(shape)
    mask[tuple(chosen)] = 1
    return mask


def _along(y: Function, a: Array, d: Array, expected: float, *, scale: float, ladder: Sequence[float]) -> float | None:
    """The relative error along a direction.

    Two neighbouring steps that agree are enough to find the gradient right. To find it wrong takes three, since large
    steps can agree on the slope of what lies beyond a kink.

    Returns:
        None where there are neither.
    """
    length, size = float(np.linalg.norm(d)), float(np.linalg.norm(a)) or 1.0
    unit = max(scale, _TINY)
    slopes: list[float] = []
    wrong: list[float] = []
    for step in ladder:
        h = step * size / length
        above, below = y(a + h * d), y(a - h * d)
        lost = scale > 0 and max(abs(above - below), 2 * h * scale) < ROUNDING * max(abs(above), abs(below))
        slopes.append(math.nan if lost else (above - below) / (2 * h))
        error = abs(slopes[-1] - expected) / unit
        settled = [abs(x - z) <= SETTLED * max(unit, abs(z)) for x, z in pairwise(slopes[-3:])]
        if settled[-1:] == [True] and error <= ALLOWED:
            return error
        if settled == [True, True]:
            wrong.append(error)
    return min(wrong, default=None)


_TINY = 1e-30
