"""Which way the gradient of a strided convolution takes."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("convolution", "x", "w", "expected"),
    [
        ("Conv<strides=[2,2], pads=[1,1,1,1]>(x, w)", (16, 6, 6), (4, 16, 3, 3), {"Conv": 4}),
        ("Conv<group=16, strides=[2,2], pads=[1,1,1,1]>(x, w)", (16, 6, 6), (16, 1, 3, 3), {"Conv": 4}),
        ("Conv<strides=[2,2]>(x, w)", (8, 6, 6), (4, 8, 1, 1), {"Conv": 1, "Resize": 1}),
        ("Conv<strides=[2,2], pads=[3,3,3,3]>(x, w)", (3, 16, 16), (4, 3, 7, 7), {"ConvTranspose": 1}),
        ("Conv<strides=[2,2], pads=[2,2,2,2]>(x, w)", (16, 6, 6), (4, 16, 3, 3), {"ConvTranspose": 1}),
    ],
)
def test_the_way_that_fits_the_shape(graph: Any, convolution: str, x: Any, w: Any, expected: dict[str, int]) -> None:
    gradient = graph(convolution, x=("N", *x), w=w).gradient()
    operators = [node.op_type for node in gradient.graph.node]
    counted = {name: operators.count(name) for name in ("Conv", "ConvTranspose", "Resize") if name in operators}
    assert counted == expected
