"""Checks gradients by central differences in float32, with steps that avoid kinks and rounding.

``(y(A + h d) - y(A - h d)) / 2h`` must be ``<g, d>``. Large steps h cross kinks (ReLU, max pooling), and the difference
of a small step is lost in rounding. So a ladder of steps is tried, from large to small, until two neighbours agree.
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

    from onnxcam_export.verify.comparison import Comparison

    Array = npt.NDArray[Any]
    Function = Callable[[Array], float]

# The steps' lengths relative to the activation's, |h d| / |A|, from large to small.
LADDER = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
# At the image, steps along the gradient are adversarial: only small ones stay in the linear region.
IMAGE_LADDER = LADDER[3:]

# Relative to <g, d>. On trained networks, the error of correct gradients is nearly always below a third of this.
ALLOWED = 2e-2
SETTLED = 5e-3
# A difference below this share of the score itself is rounding.
ROUNDING = 1e-6
# Two slopes may differ by rounding of this share of the score; a larger difference is one of the function.
NOISE = 1e-5


@dataclass(frozen=True, slots=True)
class Agreement:
    """The result of comparing a gradient with differences.

    Attributes:
        error: The largest relative error of the compared directions; None if there are none.
        compared: The number of compared directions.
        skipped: The number of directions that were skipped, because the steps did not agree.
    """

    error: float | None
    compared: int
    skipped: int

    def enter(self, comparison: Comparison, name: str) -> None:
        """Adds itself to a comparison; skipped directions become a note."""
        if self.error is not None:
            comparison.add(name, self.error, ALLOWED)
        if self.skipped:
            part = "not compared" if self.error is None else "compared in part"
            total = self.compared + self.skipped
            why = "cross kinks, or are lost in rounding, at every step tried"
            comparison.note(f"{part}: {name}, {self.skipped} of {total} directions {why}")
        elif not self.compared:
            comparison.note(f"not compared: {name}, which is zero, or on kinks everywhere")


def compare(
    y: Function, a: Array, g: Array, directions: Iterable[tuple[Array, float]], ladder: Sequence[float] = LADDER
) -> Agreement:
    """Compares a gradient with differences along directions.

    Args:
        y: The score at a value of the activation.
        a: The activation, of any shape.
        g: The gradient of y to check, of the same shape.
        directions: Pairs of a direction and the mean size of ``<g, d>``.
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
    """Combines several agreements."""
    errors = [part.error for part in parts if part.error is not None]
    return Agreement(
        max(errors, default=None), sum(part.compared for part in parts), sum(part.skipped for part in parts)
    )


def along_gradient(g: Array) -> Iterator[tuple[Array, float]]:
    """The gradient itself, which checks its length, and that it points to higher scores."""
    if np.any(g):
        yield g, 0.0


def along_parts_of_gradient(g: Array) -> Iterator[tuple[Array, float]]:
    """The gradient, and the gradient in half of the channels, in a rectangle, and in half of all elements.

    Along these, the contributions of all elements add up, so kinks and rounding matter little.

    Args:
        g: A gradient, [1, _, *places].
    """
    generator = np.random.default_rng(0)
    yield from along_gradient(g)
    for mask in (
        _block(generator, g.shape, (1,)),
        _block(generator, g.shape, tuple(range(2, g.ndim))),
        generator.integers(0, 2, g.shape),
    ):
        if np.any(g * mask):
            yield g * mask, 0.0


def movable(a: Array) -> Array:
    """One where the activation can be changed, zero where it is on a kink.

    A ReLU or ReLU6 gives many values of exactly 0 or exactly the bound. A max pooling after it finds ties among them,
    and a score has no derivative with respect to a tie.
    """
    bound = a.max()
    saturated = (a == bound) & (np.count_nonzero(a == bound) > 1)
    return np.asarray((a != 0) & ~saturated, a.dtype)


def restricted_to(free: Array, directions: Iterable[tuple[Array, float]]) -> Iterator[tuple[Array, float]]:
    """The directions, restricted to the elements where ``free`` is one."""
    for d, scale in directions:
        if np.any(d * free):
            yield d * free, scale


def along_activation(a: Array, g: Array) -> Iterator[tuple[Array, float]]:
    """The activation, and a random number for each channel: directions chosen independently of g, but with large sums.

    Args:
        a: The activation, [1, K, *places].
        g: Its gradient.
    """
    if np.any(a):
        yield a, float(np.linalg.norm(g * a))
    each = np.random.default_rng(1).standard_normal((1, a.shape[1], *[1] * (a.ndim - 2)))
    yield np.broadcast_to(each, a.shape), float(np.linalg.norm(g.sum(axis=tuple(range(2, g.ndim)))))


def random_direction(g: Array) -> Iterator[tuple[Array, float]]:
    """Random numbers: the only direction that shows that a part of g is missing, unless kinks hide it.

    Half the accuracy is required along it, since contributions of elements do not add up.
    """
    yield np.random.default_rng(2).standard_normal(g.shape), 2 * float(np.linalg.norm(g))


def _block(generator: np.random.Generator, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """One in a block of half the size along each of the axes, zero elsewhere."""
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

    If two neighbouring steps agree with each other and with the gradient, it is right. To find it wrong takes three
    steps that agree, since two large steps can agree on the slope on the other side of a kink, and no smaller step that
    contradicts them: where a function is steep, as ``log(x + 1e-6)`` near 0, large steps agree on a slope near 0.

    Returns:
        The error; None if there are no such steps.
    """
    length, size = float(np.linalg.norm(d)), float(np.linalg.norm(a)) or 1.0
    unit = max(scale, _TINY)
    slopes: list[float] = []
    wrong: list[float] = []
    for step in ladder:
        h = step * size / length
        above, below = y(a + h * d), y(a - h * d)
        slopes.append(math.nan if _is_lost(above, below, 2 * h * scale) else (above - below) / (2 * h))
        noise = NOISE * max(abs(above), abs(below)) / (2 * h)
        if len(slopes) > 1 and abs(slopes[-1] - slopes[-2]) > SETTLED * max(unit, abs(slopes[-2])) + noise:
            wrong.clear()
        error = abs(slopes[-1] - expected) / unit
        settled = [abs(x - z) <= SETTLED * max(unit, abs(z)) for x, z in pairwise(slopes[-3:])]
        if settled[-1:] == [True] and error <= ALLOWED:
            return error
        if settled == [True, True]:
            wrong.append(error)
    return min(wrong, default=None)


def _is_lost(above: float, below: float, expected: float) -> bool:
    """Whether a change of the score is lost in rounding.

    A score of exactly zero does not tell how it is rounded. It is the flat end of an activation, such as GELU's
    ``x (1 + erf(x / sqrt(2))) / 2``, which rounds numbers of the size of one.
    """
    size = max(abs(above), abs(below)) or 1.0
    return expected > 0 and max(abs(above - below), expected) < ROUNDING * size


_TINY = 1e-30
