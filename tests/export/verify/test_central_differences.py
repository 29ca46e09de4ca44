"""Central differences: right gradients pass, wrong ones do not, kinks are left out and counted."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pytest

from onnxcam_export.verify import central_differences

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (1, 4, 6, 6)


def network(kinks: bool) -> tuple[Callable[[np.ndarray], float], np.ndarray, np.ndarray]:
    """A score in float32, a point, and its gradient there."""
    rng = np.random.default_rng(0)
    w1, w2 = rng.standard_normal((300, 144)).astype(np.float32), rng.standard_normal(300).astype(np.float32)
    a = rng.standard_normal(SHAPE)

    def y(value: np.ndarray) -> float:
        z = w1 @ value.astype(np.float32).ravel()
        return float(w2 @ (np.maximum(z, 0) if kinks else np.tanh(z / 12)))

    z = w1 @ a.ravel()
    slope = (z > 0) if kinks else (1 - np.tanh(z / 12) ** 2) / 12
    return y, a, ((w2 * slope) @ w1).reshape(SHAPE)


@pytest.mark.parametrize("kinks", [False, True])
def test_a_right_gradient_passes(kinks: bool) -> None:
    y, a, g = network(kinks)
    found = central_differences.compare(
        y,
        a,
        g,
        chain(
            central_differences.along_parts_of_gradient(g),
            central_differences.along_activation(a, g),
            central_differences.random_direction(g),
        ),
    )
    assert found.error is not None
    assert found.error < central_differences.ALLOWED
    assert found.compared == 7


FAULTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "3 % too long": lambda g: 1.03 * g,
    "wrong sign": lambda g: -g,
    "a channel missing": lambda g: g * np.array([0, 1, 1, 1]).reshape(1, 4, 1, 1),
    "border missing": lambda g: np.pad(g[:, :, 1:-1, 1:-1], ((0, 0), (0, 0), (1, 1), (1, 1))),
    "transposed": lambda g: g.swapaxes(2, 3),
    "flipped": lambda g: g[:, :, ::-1],
    "shifted": lambda g: np.roll(g, 1, axis=3),
    "channels swapped": lambda g: g[:, [1, 0, 2, 3]],
}


@pytest.mark.parametrize("kinks", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_gradient_does_not_pass(fault: str, kinks: bool) -> None:
    y, a, g = network(kinks)
    wrong = FAULTS[fault](g)
    found = central_differences.compare(
        y,
        a,
        wrong,
        chain(central_differences.along_parts_of_gradient(wrong), central_differences.random_direction(wrong)),
    )
    assert found.error is not None
    assert found.error > central_differences.ALLOWED


def test_a_gradient_said_to_be_zero_has_no_direction() -> None:
    y, a, g = network(kinks=False)
    assert central_differences.compare(
        y, a, 0 * g, central_differences.along_parts_of_gradient(0 * g)
    ) == central_differences.Agreement(None, 0, 0)
    found = central_differences.compare(y, a, 0 * g, central_differences.random_direction(0 * g))
    assert found.error is not None
    assert found.error > central_differences.ALLOWED


def test_kinks_everywhere_are_counted_and_no_error() -> None:
    def saw(value: np.ndarray) -> float:
        return float(np.sin(1e9 * value.sum()) + value.sum())

    g = np.ones(SHAPE)
    assert central_differences.compare(
        saw, g, g, central_differences.along_gradient(g)
    ) == central_differences.Agreement(None, 0, 1)


def test_a_change_below_rounding_is_no_error() -> None:
    g = np.full(SHAPE, 1e-9)
    flat = central_differences.compare(
        lambda value: float(np.float32(1e6) + np.float32((g * value).sum())),
        g,
        g,
        central_differences.along_gradient(g),
    )
    assert flat == central_differences.Agreement(None, 0, 1)


def gelu(x: np.ndarray) -> np.ndarray:
    """In float32, as networks compute it."""
    erf = np.vectorize(math.erf)(x / np.sqrt(2)).astype(np.float32)
    return np.asarray(np.float32(0.5) * x.astype(np.float32) * (np.float32(1) + erf), np.float32)


@pytest.mark.parametrize("x", [-9.0, -5.6])
def test_the_flat_end_of_an_activation_is_lost_in_rounding_but_not_a_gradient_that_is_wrong_there(x: float) -> None:
    a = np.full((1, 1, 2, 3), x)

    def y(value: np.ndarray) -> float:
        return float(gelu(value).sum())

    assert y(a) == 0
    g = np.exp(-(a**2) / 2) * a / np.sqrt(2 * np.pi)  # of the tail
    directions = central_differences.along_gradient
    assert central_differences.compare(y, a, g, directions(g)) == central_differences.Agreement(None, 0, 1)
    for wrong in (np.ones(a.shape), np.full(a.shape, 1e-3)):
        found = central_differences.compare(y, a, wrong, directions(wrong))
        assert found.error == pytest.approx(1)


@pytest.mark.parametrize(("width", "settles"), [(1e-2, True), (3e-5, False)])
def test_large_steps_that_agree_beside_a_steep_function_make_no_gradient_wrong(width: float, settles: bool) -> None:
    """Steps far beyond a narrow bump agree on a slope of zero, until a small one contradicts them."""
    a = np.random.default_rng(0).standard_normal((1, 1, 20, 20))
    a[0, 0, :2] = 0.5 * width

    def y(value: np.ndarray) -> float:
        t = value[0, 0, :2].astype(np.float32) / np.float32(width)
        return float((1 / (1 + t**2)).sum(dtype=np.float32))

    t = a / width
    g = -2 * t / (1 + t**2) ** 2 / width
    g[0, 0, 2:] = 0
    ladder, directions = central_differences.IMAGE_LADDER, central_differences.along_gradient
    found = central_differences.compare(y, a, g, directions(g), ladder)
    assert found == central_differences.Agreement(found.error if settles else None, int(settles), int(not settles))
    assert (found.error or 0) < central_differences.ALLOWED
    for fault in (1.1, -1.0, 1e-2) if settles else ():
        found = central_differences.compare(y, a, fault * g, directions(fault * g), ladder)
        assert found.error is not None
        assert found.error > central_differences.ALLOWED
