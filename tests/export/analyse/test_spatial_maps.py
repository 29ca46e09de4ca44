"""Maps are told from what else has four axes."""

from __future__ import annotations

from onnx_text import model
from onnxcam_export import candidates

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


def default(rest: str, **constants: list[int]) -> str:
    found = candidates(model(ATTENTION.replace("REST", rest), **CONSTANTS, **constants))
    assert {"patches", "query", "back"} <= {layer.name for layer in found}  # all can be chosen
    return next(layer.name for layer in found if layer.is_default)


def test_tokens_have_no_places_so_the_patches_are_the_default() -> None:
    assert default(TOKENS, one=[1]) == "bent"


def test_tokens_that_go_back_to_a_grid_have() -> None:
    assert default(GRID, square=[0, 8, 4, 4], places=[2, 3]) == "sum"
