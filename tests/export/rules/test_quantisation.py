"""The gradient passes straight through inside the representable range, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("kind", "zero"), [(np.uint8, 128), (np.uint8, 0), (np.int8, 0), (np.int8, -128), (np.int8, 3), (np.uint16, 7)]
)
def test_straight_through(kind: Any, zero: int, graph: Any, evaluate: Any) -> None:
    opset = 21 if kind is np.uint16 else 20
    function = graph(
        "q = QuantizeLinear(x, s, z) t = Transpose<perm=[0,2,3,1]>(q) y = DequantizeLinear(t, s, z)",
        x=("N", 3, 4, 5),
        s=np.float32(0.01),
        z=kind(zero),
        opset=opset,
    )
    x = function.variables(rows=2)["x"]
    dy = np.random.default_rng(1).standard_normal((2, 4, 5, 3)).astype(np.float32)
    dx = evaluate(function.gradient(), {"x": x, "dy": dy})["dx"]
    integers = np.rint(x / np.float32(0.01)) + zero
    inside = (integers > np.iinfo(kind).min) & (integers < np.iinfo(kind).max)
    assert 0 < inside.mean() <= 1
    np.testing.assert_allclose(dx, dy.transpose(0, 3, 1, 2) * inside, rtol=1e-6)


def test_one_scale_for_each_channel(graph: Any, evaluate: Any) -> None:
    function = graph(
        "q = QuantizeLinear<axis=1>(x, s, z) y = DequantizeLinear<axis=1>(q, s, z)",
        x=("N", 3, 4, 5),
        s=np.asarray([0.01, 0.1, 0.002], np.float32),
        z=np.asarray([0, 5, -100], np.int8),
    )
    x = function.variables(rows=2)["x"]
    dy = np.ones_like(x)
    dx = evaluate(function.gradient(), {"x": x, "dy": dy})["dx"]
    scale, zero = (function.constants[name].reshape(3, 1, 1) for name in "sz")
    integers = np.rint(x / scale) + zero
    np.testing.assert_array_equal(dx, (integers > -128) & (integers < 127))
