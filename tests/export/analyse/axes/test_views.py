"""Maps are told from other values of the same rank, by their places, channels and batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from onnx_text import model
from onnxcam_export import ExportError, ScoreError, ShapeError, candidates, export

if TYPE_CHECKING:
    from pathlib import Path

    from onnxcam_export.analyse.layers import Candidate

ATTENTION = """g (float[N,3,16,16] x) => (float[N,5] y) {
    patches = Conv <strides = [4, 4]> (x, w1)
    bent = Relu(patches)
    tokens = Reshape(bent, flat)
    apart = Transpose <perm = [0, 2, 1]> (tokens)
    headed = Reshape(apart, heads)
    query = Transpose <perm = [0, 2, 1, 3]> (headed)
    key = Transpose <perm = [0, 2, 3, 1]> (headed)
    product = MatMul(query, key)
    weights = Softmax <axis = -1> (product)
    mixed = MatMul(weights, query)
    back = Transpose <perm = [0, 2, 1, 3]> (mixed)
    REST
}"""
TOKENS = "joined = Reshape(back, together) pooled = ReduceMean <keepdims = 0> (joined, one) y = MatMul(pooled, w2)"
GRID = (
    "joined = Reshape(back, together) turned = Transpose <perm = [0, 2, 1]> (joined) grid = Reshape(turned, square) "
    "sum = Add(grid, bent) pooled = ReduceMean <keepdims = 0> (sum, places) y = MatMul(pooled, w2)"
)
CONSTANTS = {
    "w1": (8, 3, 4, 4),
    "w2": (8, 5),
    "flat": [0, 8, 16],
    "heads": [0, 16, 2, 4],
    "together": [0, 16, 8],
}


def offered(rest: str, **constants: list[int]) -> dict[str, Candidate]:
    found = candidates(model(ATTENTION.replace("REST", rest), **CONSTANTS, **constants))
    return {layer.name: layer for layer in found}


def default(rest: str, **constants: list[int]) -> Candidate:
    return next(layer for layer in offered(rest, **constants).values() if layer.is_default)


def test_heads_and_weights_of_attention_are_no_maps() -> None:
    found = offered(TOKENS, one=[1])
    assert {"patches", "bent", "apart", "joined"} <= set(found)
    assert set(found).isdisjoint({"headed", "query", "key", "product", "weights", "mixed", "back"})


def test_tokens_are_a_map_of_their_places() -> None:
    found = default(TOKENS, one=[1])
    assert (found.name, found.view.kind, found.view.skip, found.shape) == ("joined", "tokens", 0, (8, 4, 4))


def test_tokens_that_go_back_to_a_grid_are_one_too() -> None:
    found = default(GRID, square=[0, 8, 4, 4], places=[2, 3])
    assert (found.name, found.view.kind) == ("sum", "channels_first")


SIDES = """g (float[N,3,12,20] x) => (float[N,5] y) {
    f = Conv <pads = [1, 1, 1, 1]> (x, w1)
    rows = ReduceMean <keepdims = 1> (f, last)
    means = ReduceMean <keepdims = 1> (f, second)
    columns = Transpose <perm = [0, 1, 3, 2]> (means)
    REST
    pooled = ReduceMean <keepdims = 0> (out, places)
    y = MatMul(pooled, w2)
}"""  # rows [N, 8, 12, 1] and columns [N, 8, 20, 1]
COORDINATES = """
    sides = Concat <axis = 2> (rows, columns)
    mixed = Conv(sides, w3)
    of_rows, turned = Split <axis = 2> (mixed, lengths)
    of_columns = Transpose <perm = [0, 1, 3, 2]> (turned)
    PRODUCT
"""
PRODUCTS = {
    "the map first": "gated = Mul(f, of_rows) out = Mul(gated, of_columns)",
    "the map last": "gate = Mul(of_rows, of_columns) out = Mul(gate, f)",
    "the gates convolved": "a = Conv(of_rows, w3) b = Conv(of_columns, w3) gate = Mul(a, b) out = Mul(gate, f)",
}


def sides_offered(rest: str, **constants: list[int]) -> dict[str, Candidate]:
    weights: dict[str, Any] = {"w1": (8, 3, 3, 3), "w2": (8, 5), "w3": (8, 8, 1, 1), "last": [3], "second": [2]}
    found = candidates(model(SIDES.replace("REST", rest), **weights, places=[2, 3], lengths=[12, 20], **constants))
    return {layer.name: layer for layer in found}


@pytest.mark.parametrize("product", PRODUCTS)
def test_rows_beside_columns_are_no_side_of_the_image(product: str) -> None:
    """Coordinate attention (Hou et al. 2021): the 12 rows and the 20 columns go through one convolution."""
    found = sides_offered(COORDINATES.replace("PRODUCT", PRODUCTS[product]))
    assert found["out"].shape == found["f"].shape == (8, 12, 20)
    assert found["out"].is_default
    assert found.keys().isdisjoint({"sides", "mixed"})


def test_columns_that_stand_on_end_are_columns() -> None:
    found = sides_offered("a = Conv(columns, w3) b = Transpose <perm = [0, 1, 3, 2]> (a) out = Mul(f, b)")
    assert found["columns"].shape == found["a"].shape == found["b"].shape == (8, 1, 20)


MIXTURES = {
    "the sum with the transposed map": "t = Transpose <perm = [0, 1, 3, 2]> (f) out = Add(f, t)",
    "the product with the transposed map": "t = Transpose <perm = [0, 1, 3, 2]> (f) out = MatMul(f, t)",
    "a choice from the transposed map": "t = Transpose <perm = [0, 1, 3, 2]> (f) n = Less(f, t) out = Where(n, t, f)",
    "the map under itself": "out = Concat <axis = 2> (f, f)",
    "the transposed map beside it": "t = Transpose <perm = [0, 1, 3, 2]> (f) out = Concat <axis = 3> (f, t)",
    "the transposed tokens": "t = Transpose <perm = [0, 1, 3, 2]> (f) a = Reshape(f, flat) b = Reshape(t, flat) "
    "s = Add(a, b) out = Reshape(s, square)",
}


@pytest.mark.parametrize("mixture", MIXTURES)
def test_a_map_and_the_transposed_map_make_no_map(mixture: str) -> None:
    text = SIDES.replace("12,20", "12,12").replace("REST", MIXTURES[mixture])
    weights: dict[str, Any] = {"w1": (8, 3, 3, 3), "w2": (8, 5), "last": [3], "second": [2], "places": [2, 3]}
    found = {c.name: c for c in candidates(model(text, **weights, flat=[0, 8, 144], square=[0, 8, 12, 12]))}
    assert "out" not in found
    assert any(found[name].is_default for name in found.keys() & {"f", "t"})


def refusal(text: str, layer: str, folder: Path, **weights: Any) -> str:
    with pytest.raises(ExportError) as caught:
        export(model(text, **weights), folder / "out.onnx", layers=layer)
    return str(caught.value)


FRAMES = """g (float[N,4,3,8,8] x) => (float[N,5] y) {
    frames = Reshape(x, fold)
    c = Conv(frames, w1)
    p = GlobalAveragePool(c)
    f = Reshape(p, unfold)
    y = ReduceMean <keepdims = 0> (f, one)
}"""  # each of four frames alone, and their mean
FRAMES_WEIGHTS = {"fold": [-1, 3, 8, 8], "unfold": [-1, 4, 5], "w1": (5, 3, 3, 3), "one": [1]}


def test_frames_beside_the_image_are_not_supported(tmp_path: Path) -> None:
    words = refusal(FRAMES, "c", tmp_path, **FRAMES_WEIGHTS)
    assert "uses its axes as batch, unknown, channels, places, places" in words
    assert "frames or views, is not supported" in words


def test_frames_that_are_the_batch_leave_no_row_for_each_image(tmp_path: Path) -> None:
    text = FRAMES.replace("[N,4,3,8,8] x", "[N,3,8,8] x").replace("frames = Reshape(x, fold)", "frames = Identity(x)")
    words = refusal(text, "c", tmp_path, **FRAMES_WEIGHTS)
    assert "the score 'y' has the shape" in words
    assert "but its rows could not be followed from those of the input 'x'" in words


@pytest.mark.parametrize("batch", ["N", "1"])
def test_anchors_merged_with_the_batch_are_no_scores(batch: str, tmp_path: Path) -> None:
    text = f"""g (float[{batch},3,16,16] image) => (float[{batch},64,2] scores) {{
        c = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (image, w)
        r = Relu(c)
        t = Transpose <perm = [0, 2, 3, 1]> (r)
        anchors = Reshape(t, rows)
        s = Softmax <axis = 1> (anchors)
        scores = Reshape(s, whole)
    }}"""
    with pytest.raises(ScoreError, match="whose axis 0 has the batch merged with something else") as caught:
        export(
            model(text, w=(2, 3, 3, 3), rows=[-1, 2], whole=[-1, 64, 2]),
            tmp_path / "out.onnx",
            score_output="scores",
        )
    assert "scores without a row for each image, such as those of anchors or frames, are not supported" in str(
        caught.value
    )


def test_a_map_whose_batch_is_not_in_front_is_refused(tmp_path: Path) -> None:
    text = """g (float[N,3,8,8] x) => (float[N,5] y) {
        c = Conv(x, w1)
        turned = Transpose <perm = [1, 0, 2, 3]> (c)
        r = Relu(turned)
        back = Transpose <perm = [1, 0, 2, 3]> (r)
        p = GlobalAveragePool(back)
        y = Flatten(p)
    }"""
    weights = {"w1": (5, 3, 3, 3)}
    assert "with the batch on axis 1" in refusal(text, "r", tmp_path, **weights)
    assert {layer.name for layer in candidates(model(text, **weights))} == {"c", "back"}


HEAD = "c = Conv(batched, w1) p = GlobalAveragePool(c) f = Flatten(p) y = Gemm(f, w2)"
HEAD_WEIGHTS = {"w1": (4, 3, 3, 3), "w2": (4, 5), "front": [0], "fronts": [0, 1]}


@pytest.mark.parametrize(
    ("given", "before"),
    [
        ("float[3,12,12] x", "batched = Unsqueeze(x, front)"),
        ("float[3,12,12] x", "batched = Reshape(x, whole)"),
        ("float[12,12,3] x", "s = Mul(x, k) t = Transpose <perm = [2, 0, 1]> (s) batched = Unsqueeze(t, front)"),
        ("float[12,12,3] x", "u = Unsqueeze(x, front) batched = Transpose <perm = [0, 3, 1, 2]> (u)"),
        ("float[T,64] x", "u = Unsqueeze(x, fronts) batched = Concat <axis = 1> (u, u, u)"),
        ("float[12,64] x", "u = Unsqueeze(x, fronts) batched = Concat <axis = 1> (u, u, u)"),
    ],
)
def test_an_image_without_a_batch_is_refused(given: str, before: str, tmp_path: Path) -> None:
    source = model(
        f"g ({given}) => (float[1,5] y) {{ {before} {HEAD} }}",
        **HEAD_WEIGHTS,
        whole=[1, 3, 12, 12],
        k=np.array(0.5, np.float32),
    )
    with pytest.raises(ShapeError, match=r"input 'x', \[.*\], is not the batch, which (Uns|Resh)\w+ node"):
        export(source, tmp_path / "out.onnx")


def test_the_operator_at_which_the_rows_are_lost_is_named(tmp_path: Path) -> None:
    source = model(
        f"""g (float[N,3,12,12] x) => (float[1,5] y) {{
            batched = Relu(x) {HEAD.replace("y =", "z =")} y = ReduceMean <axes = [0]> (z)
        }}""",
        opset=13,
        **HEAD_WEIGHTS,
    )
    with pytest.raises(ScoreError, match=r"batch of the input 'x', which is lost at ReduceMean node '\w*' \(z.* -> y"):
        export(source, tmp_path / "out.onnx")


def test_a_layer_of_unknown_shape_says_so(tmp_path: Path) -> None:
    source = model(
        f"g (float[N,3,12,12] x) => (float[N,5] y) {{ m = NonZero(x) batched = Relu(x) {HEAD} z = Cast <to = 1> (m) }}",
        **HEAD_WEIGHTS,
    )
    for node in source.graph.node[:1]:
        node.op_type, node.domain = "Inverse", "com.microsoft"
    source.opset_import.add(domain="com.microsoft", version=1)
    with pytest.raises(ExportError, match="the layer 'm' has a shape that could not be inferred"):
        export(source, tmp_path / "out.onnx", layers="m")
