"""Sizes that are not known: the message names where they come from."""

from __future__ import annotations

import onnx
import onnx_ir as ir
import pytest

from onnx_text import model
from onnxcam_export.errors import ShapeError
from onnxcam_export.graph.steps import static_shape


def value(text: str, name: str) -> ir.Value:
    proto = onnx.shape_inference.infer_shapes(model(text))
    return next(y for node in ir.from_proto(proto).graph for y in node.outputs if y.name == name)


def test_an_unknown_size_comes_from_the_operator_that_is_named() -> None:
    chosen = value("g (float[N,8] x) => (float[A,B] y) { k = NonZero(x) c = Cast <to = 1> (k) y = Relu(c) }", "c")
    with pytest.raises(
        ShapeError, match=r"the first whose size is unknown, .*, is NonZero node '.*' \(x -> k\): write"
    ):
        static_shape(chosen)


def test_an_unknown_size_comes_from_another_input() -> None:
    joined = value("g (float[N,8] x, float[N,L] m) => (float[N,M] y) { y = Concat <axis = 1> (x, m) }", "y")
    with pytest.raises(ShapeError, match=r"that comes from the input 'm' \[N, L\], so fix its sizes in the file"):
        static_shape(joined)
