"""The default layer is the last map, where nothing speaks for an earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from onnx_text import model
from onnxcam_export import candidates, export

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

    from onnxcam_export.analyse.layers import Candidate

STEM = """g (float[N,3,12,16] x) => (float[N,5] y) {
    c = Conv <pads = [1, 1, 1, 1]> (x, w1)
    r = Relu(c)
    REST
}"""
POOL = "p = ReduceMean <keepdims = 0> ({0}, places) y = MatMul(p, w2)"
CONSTANTS: dict[str, Any] = {"w1": (4, 3, 3, 3), "w2": (4, 5), "places": [2, 3]}


def network(rest: str, **constants: Any) -> onnx.ModelProto:
    return model(STEM.replace("REST", rest), **CONSTANTS | constants)


def default(rest: str, **constants: Any) -> Candidate:
    (found,) = [layer for layer in candidates(network(rest, **constants)) if layer.is_default]
    return found


ATTENTION_BESIDE_MEAN = """
    a = Conv(r, w3)
    weights = Sigmoid(a)
    attended = Mul(r, weights)
    p1 = ReduceMean <keepdims = 0> (attended, places)
    p2 = ReduceMax <keepdims = 0> (r, places)
    p = Add(p1, p2)
    y = MatMul(p, w2)
"""
SCALES = """
    r2 = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
    c2 = Conv(r2, w3)
    up = Resize <mode = "nearest"> (c2, , scales)
    sum = Add(up, r)
    p1 = ReduceMean <keepdims = 0> (sum, places)
    p2 = ReduceMax <keepdims = 0> (c2, places)
    p = Add(p1, p2)
    y = MatMul(p, w2)
"""
PARTS = {
    "a crop": "s = Slice(r, from, to, places) cut = Relu(s) " + POOL.format("cut"),
    "a row": "row = Gather <axis = 2> (r, third) bent = Relu(row) p = ReduceMean <keepdims = 0> (bent, last) "
    "y = MatMul(p, w2)",
    "a mirrored map": "turned = Slice(r, end, begin, last, back) " + POOL.format("turned"),
    "a border": "wide = Pad(r, pads) " + POOL.format("wide"),
    "the convolution of a crop": "s = Slice(r, from, to, places) c2 = Conv(s, w3) " + POOL.format("c2"),
}
TAKEN: dict[str, Any] = {
    "from": [2, 2],
    "to": [8, 9],
    "third": np.array(3),
    "last": [-1],
    "end": [-1],
    "begin": [-(2**31)],
    "back": [-1],
    "pads": [0, 0, 1, 1, 0, 0, 1, 1],
    "w3": (4, 4, 1, 1),
}


def test_attention_beside_a_mean_gives_way_to_the_map_that_both_read() -> None:
    assert default(ATTENTION_BESIDE_MEAN, w3=(1, 4, 1, 1)).name == "r"


def test_of_several_scales_the_last_stays_and_the_report_tells_of_the_others(tmp_path: Path) -> None:
    proto = model(STEM.replace("REST", SCALES), scales=np.array([1, 1, 2, 2], np.float32), w3=(4, 4, 1, 1), **CONSTANTS)
    report = export(proto, tmp_path / "out.onnx")
    assert [layer.name for layer in report.metadata.layers] == ["sum"]
    (note,) = [note for note in report.notes if "layer" in note]
    assert note.startswith("other paths from the image to the score do not go through the layer 'sum'")


def test_of_one_path_the_report_says_nothing(tmp_path: Path) -> None:
    assert not [note for note in export(network(POOL.format("r")), tmp_path / "out.onnx").notes if "layer" in note]


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_of_a_map_is_no_default(kind: str) -> None:
    assert default(PARTS[kind], **TAKEN).name == "r"


@pytest.mark.parametrize(("kind", "words"), [("a crop", "shows a part"), ("a border", "is a map with an added border")])
def test_a_part_of_a_map_may_be_named_and_the_report_says_so(kind: str, words: str, tmp_path: Path) -> None:
    layer = {"a crop": "cut", "a border": "wide"}[kind]
    (note,) = [n for n in export(network(PARTS[kind], **TAKEN), tmp_path / "o.onnx", layers=layer).notes if layer in n]
    assert note.startswith(f"the layer {layer!r} {words}")


WHOLE = {
    "a border cut off again": "wide = Pad(r, pads) cut = Slice(wide, from, to, places) out = Relu(cut) ",
    "every second place": "cut = Slice(r, begin, to, places, steps) out = Relu(cut) ",
    "what a convolution added cut off": "c2 = Conv <pads = [2, 2, 2, 2]> (r, w3) cut = Slice(c2, from, to, places) "
    "out = Relu(cut) ",
    "halves that changed places": "left, right = Split <axis = 3, num_outputs = 2> (r) "
    "j = Concat <axis = 3> (right, left) out = Relu(j) ",
}


@pytest.mark.parametrize("kind", WHOLE)
def test_what_stands_for_the_whole_map_is_a_default(kind: str) -> None:
    constants = {
        "pads": [0, 0, 1, 1, 0, 0, 1, 1],
        "from": [0, 0] if "every" in kind else [1, 1],
        "begin": [1, 1],
        "to": [13, 17],
        "steps": [2, 2],
        "w3": (4, 4, 3, 3),
    }
    assert default(WHOLE[kind] + POOL.format("out"), **constants).name == "out"


def test_weights_of_places_are_no_default() -> None:
    """A soft argmax: the softmax of a heat map, and its mean position along one side."""
    rest = """
        flat = Reshape(r, joined)
        s = Softmax <axis = -1> (flat)
        heat = Reshape(s, apart)
        columns = ReduceSum <keepdims = 0> (heat, second)
        located = Mul(columns, positions)
        p = ReduceSum <keepdims = 0> (located, second)
        y = MatMul(p, w2)
    """
    found = default(rest, joined=[0, 4, -1], apart=[0, 4, 12, 16], second=[2], positions=(16,))
    assert found.name == "r"


def test_rows_alone_give_way_to_the_map_that_has_both_sides() -> None:
    rest = "rows = ReduceMean <keepdims = 0> (r, last) bent = Tanh(rows) p = ReduceMean <keepdims = 0> (bent, last) "
    assert default(rest + "y = MatMul(p, w2)", last=[-1]).name == "r"


def test_a_side_of_one_place_may_be_gone() -> None:
    rest = "c2 = Conv(r, w3) row = Squeeze(c2, second) bent = Tanh(row) p = ReduceMean <keepdims = 0> (bent, last) "
    found = default(rest + "y = MatMul(p, w2)", last=[-1], second=[2], w3=(4, 4, 12, 1))
    assert (found.name, found.shape) == ("bent", (4, 1, 16))


def test_what_acts_through_indices_alone_is_no_default() -> None:
    rest = """
        k = Conv(r, w3)
        best = ArgMax <axis = 1> (k)
        chosen = Expand(best, whole)
        flat = Reshape(r, joined)
        groups = Reshape(chosen, joined)
        of_batch = Shape <end = 1> (r)
        shape = Concat <axis = 0> (of_batch, four)
        empty = ConstantOfShape(shape)
        sums = ScatterElements <axis = 2, reduction = "add"> (empty, groups, flat)
        p = ReduceMean <keepdims = 0> (sums, last)
        y = MatMul(p, w2)
    """
    constants = {"whole": [1, 4, 1, 1], "joined": [0, 4, -1], "four": [4, 4], "last": [-1], "w3": (4, 4, 1, 1)}
    assert "k" not in {layer.name for layer in candidates(network(rest, **constants))}
    assert default(rest, **constants).name == "r"


def test_the_scores_of_every_place_are_no_default_if_they_have_no_channels() -> None:
    text = """g (float[N,3,12,16] x) => (float[N,24,32] y) {
        c = Conv <pads = [1, 1, 1, 1]> (x, w1)
        r = Relu(c)
        depth = Conv(r, w2)
        large = Resize <mode = "nearest"> (depth, , scales)
        y = Squeeze(large, one)
    }"""
    proto = model(text, w1=(4, 3, 3, 3), w2=(1, 4, 1, 1), one=[1], scales=np.array([1, 1, 2, 2], np.float32))
    (found,) = [layer for layer in candidates(proto, score_output="y") if layer.is_default]
    assert found.name == "r"
