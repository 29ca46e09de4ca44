"""Of several outputs with the shape of class scores, those that accompany the scores are told apart."""

from __future__ import annotations

import onnx.shape_inference
import onnx_ir as ir
import pytest

from onnx_text import model
from onnxcam_export.analyse.score import find_score
from onnxcam_export.errors import ScoreError

# The outputs, the nodes after features f [N, 8], and the scores.
TAKEN = {
    "features": ("float[N,8] f, float[N,5] y", "y = MatMul(f, w5)", "y"),
    "features and probabilities": ("float[N,8] f, float[N,5] p", "y = MatMul(f, w5) p = Softmax(y)", "y"),
    "scores and probabilities": ("float[N,5] y, float[N,5] p", "y = MatMul(f, w5) p = Softmax(y)", "y"),
    "a measure of certainty": (
        "float[N,5] y, float[N,1] u",
        "y = MatMul(f, w5) u = ReduceLogSumExp<keepdims = 1>(y, one)",
        "y",
    ),
    "a gate": (
        "float[N,5] y, float[N,3] g",
        "l = MatMul(f, w5) h = MatMul(f, w3) g = Softmax(h) s = ReduceMax(g, one) y = Mul(l, s)",
        "y",
    ),
    "boxes beside probabilities": (
        "float[N,5] p, float[N,3] b",
        "y = MatMul(f, w5) b = MatMul(f, w3) p = Softmax(y)",
        "y",
    ),
}
ASKED = {
    "two heads": ("float[N,5] y, float[N,3] z", "y = MatMul(f, w5) z = MatMul(f, w3)"),
    "two of probabilities": (
        "float[N,5] y, float[N,3] z",
        "a = MatMul(f, w5) b = MatMul(f, w3) y = Softmax(a) z = Softmax(b)",
    ),
    "a quality beside scores": ("float[N,5] y, float[N,1] z", "y = MatMul(f, w5) q = MatMul(f, w1) z = Sigmoid(q)"),
}


def graph(outputs: str, nodes: str) -> ir.Graph:
    weights = {"w5": (8, 5), "w3": (8, 3), "w1": (8, 1), "v": (6, 8), "one": [1]}
    text = f"g (float[N,6] x) => ({outputs}) {{ e = MatMul(x, v) f = Relu(e) {nodes} }}"
    proto = model(text, **{name: spec for name, spec in weights.items() if f"{name})" in text})
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto)).graph


@pytest.mark.parametrize("kind", TAKEN)
def test_the_scores_are_taken_from_among_their_companions(kind: str) -> None:
    outputs, nodes, scores = TAKEN[kind]
    assert find_score(graph(outputs, nodes)).value.name == scores


@pytest.mark.parametrize("kind", ASKED)
def test_of_heads_side_by_side_the_user_chooses(kind: str) -> None:
    names = {"kind": "y", "score": "z"}
    with pytest.raises(
        ScoreError, match=r"has 2 outputs that could be .* choose one .* kind \[N, 5\], score \[N, \d\]"
    ):
        find_score(graph(*ASKED[kind]), names=names)
