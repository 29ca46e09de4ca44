"""The gradient of a product where elements are zero, which the table of cases cannot draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def test_a_product_with_one_zero_and_with_two(graph: Any, evaluate: Any) -> None:
    function = graph("ReduceProd<keepdims=0>(x, axes)", x=("N", 3, 4), axes=[2])
    x = function.variables(rows=2)["x"]
    x[0, 1, 2] = x[1, 0, :2] = 0
    dy = np.random.default_rng(1).standard_normal((2, 3)).astype(np.float32)
    tensor = torch.from_numpy(x).requires_grad_()
    (expected,) = torch.autograd.grad(tensor.prod(2), tensor, torch.from_numpy(dy))
    got = evaluate(function.gradient(), {"x": x, "dy": dy})["dx"]
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5)
    assert got[0, 1].tolist().count(0) == 3
    assert not got[1, 0].any()
