"""Many targets of one image, where a Reshape merges the batch with another axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onnxcam_export.differentiate.target_rows import EXPLAINED
from onnxcam_export.errors import ShapeError

MERGED = {
    "leading, elementwise": "a = Reshape(x, merge) b = Softmax(a) c = Mul(a, b) y = Reshape(c, apart)",
    "leading, products": (
        "a = Reshape(x, merge) t = Transpose<perm=[0,2,1]>(a) p = MatMul(t, a) q = MatMul(a, p) y = Reshape(q, apart)"
    ),
    "behind another axis": (
        "t = Transpose<perm=[2,0,1,3]>(x) a = Reshape(t, behind) b = Sigmoid(a) c = Mul(a, b) d = Reshape(c, out) "
        "y = Transpose<perm=[1,2,0,3]>(d)"
    ),
    "in front of the batch": (
        "t = Transpose<perm=[1,0,2,3]>(x) a = Reshape(t, flat) b = Sigmoid(a) c = Mul(a, b) d = Softmax(c) "
        "e = Reshape(d, back) y = Transpose<perm=[1,0,2,3]>(e)"
    ),
    "on both sides of the batch": (
        "t = Transpose<perm=[1,0,2,3]>(x) a = Reshape(t, rows) s = Softmax(a) b = Transpose(s) c = Exp(b) "
        "d = Transpose(c) e = Reshape(d, back) y = Transpose<perm=[1,0,2,3]>(e)"
    ),
    "heads of attention with the batch second": (
        "t = Transpose<perm=[1,0,2,3]>(x) h = Reshape(t, heads) k = Transpose<perm=[1,2,0]>(h) "
        "q = Transpose<perm=[1,0,2]>(h) p = MatMul(q, k) w = Softmax(p) m = MatMul(w, q) "
        "o = Transpose<perm=[1,0,2]>(m) e = Reshape(o, back) y = Transpose<perm=[1,0,2,3]>(e)"
    ),
    "between two others": (
        "t = Transpose<perm=[1,0,2,3]>(x) a = Reshape(t, all) b = Sigmoid(a) c = Mul(a, b) d = Reshape(c, back) "
        "y = Transpose<perm=[1,0,2,3]>(d)"
    ),
    "pooling": "a = Reshape(x, maps) b = MaxPool<kernel_shape=[2,2]>(a) c = Softmax(b) y = Reshape(c, pooled)",
}
SHAPES = {
    "merge": [-1, 4, 6],
    "apart": [-1, 3, 4, 6],
    "behind": [4, -1, 6],
    "out": [4, -1, 3, 6],
    "flat": [-1, 4, 6],
    "back": [3, -1, 4, 6],
    "rows": [-1, 6],
    "all": [-1],
    "heads": [3, -1, 6],
    "maps": [-1, 1, 4, 6],
    "pooled": [-1, 3, 3, 5],
}


@pytest.mark.parametrize("name", MERGED)
@pytest.mark.parametrize(("images", "targets"), [(1, 1), (2, 2), (1, 3)])
def test_merged_batch(name: str, images: int, targets: int, graph: Any, evaluate: Any) -> None:
    text = MERGED[name]
    function = graph(text, x=("N", 3, 4, 6), **{key: value for key, value in SHAPES.items() if f"{key})" in text})
    model = function.gradient()
    x = function.variables(rows=images)["x"]
    y = function.forward({"x": x})
    dy = np.random.default_rng(1).standard_normal((targets, *y.shape[1:])).astype(np.float32)
    dx = evaluate(model, {"x": x, "dy": dy})["dx"]
    one_by_one = [evaluate(model, {"x": x[row % images][None], "dy": dy[row][None]})["dx"] for row in range(targets)]
    np.testing.assert_allclose(dx, np.concatenate(one_by_one), rtol=1e-5, atol=1e-6)


def test_a_reshape_that_moves_parts_of_an_axis_past_the_batch_is_refused(graph: Any) -> None:
    function = graph(
        "a = Reshape(x, past) b = Sigmoid(a) c = Reshape(b, back) y = Relu(c)",
        x=("N", 4, 3),
        past=[2, -1, 3],
        back=[-1, 4, 3],
    )
    with pytest.raises(ShapeError, match=r"moves parts of an axis past the batch, \[N, 4, 3\] to .* not supported"):
        function.gradient()


def stated_shapes(function: Any) -> list[list[int | str]]:
    values = function.gradient().graph.value_info
    return [[dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values]


def test_a_gradient_says_how_many_rows_it_has(graph: Any) -> None:
    assert [EXPLAINED, 3, 4] in stated_shapes(graph("a = Relu(x) y = Sigmoid(a)", x=("N", 3, 4)))


@pytest.mark.parametrize("name", MERGED)
def test_a_gradient_with_a_merged_batch_does_not(name: str, graph: Any) -> None:
    text = MERGED[name]
    function = graph(text, x=("N", 3, 4, 6), **{key: value for key, value in SHAPES.items() if f"{key})" in text})
    assert all(shape[1:] == [3, 4, 6] for shape in stated_shapes(function) if EXPLAINED in shape)
