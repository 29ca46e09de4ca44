"""What the central differences of test_rules.py cannot see: ties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)", [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]),
        ("MaxPool<kernel_shape=[3,3]>(x)", [[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
        (
            "MaxPool<kernel_shape=[2,2], strides=[2,2], pads=[1,1,1,1]>(x)",
            [[1, 2, 0, 3], [4, 5, 0, 6], [0, 0, 0, 0], [7, 8, 0, 9]],
        ),
        ("GlobalMaxPool(x)", [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
    ],
)
def test_ties_go_to_the_first_maximum(text: str, expected: list[list[int]], graph: Any, evaluate: Any) -> None:
    function = graph(text, x=("N", 1, 4, 4))
    x = np.ones((1, 1, 4, 4), np.float32)
    y = function.forward({"x": x})
    dy = np.arange(1, y.size + 1, dtype=np.float32).reshape(y.shape)
    dx = evaluate(function.gradient(), {"x": x, "dy": dy})["dx"]
    np.testing.assert_array_equal(dx[0, 0], expected)
