"""The extremes of a stack become those of its parts, and only where that is the same."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import onnx.reference
import onnx_ir as ir
import pytest

from onnxcam_export.analyse.activations import forward_steps
from onnxcam_export.prepare.simplify import simplify

CONSTANTS = {
    "last": np.asarray([-1]),
    "two": np.asarray([2, 1, 1]),
    "first": np.asarray([0]),
    "zero": np.zeros(1, np.float32),
    "column": np.asarray([[[0.0], [0.5], [0.0]]], np.float32),
    "pair": np.asarray([[[0.0, 0.1]] * 3], np.float32),
}
STACKED = "u = Unsqueeze(x, last) s = Shape(x) z = Expand(zero, s) v = Unsqueeze(z, last)"


def prepared(nodes: str) -> tuple[onnx.ModelProto, ir.Model]:
    proto = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["": 20]> g (float[2,3] x) => (float[a,b] y) {{ {nodes} }}'
    )
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    for name, array in CONSTANTS.items():
        if name in nodes:
            proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    model = ir.from_proto(proto)
    simplify(model)
    return proto, model


def both(proto: onnx.ModelProto, model: ir.Model) -> list[np.ndarray]:
    x = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    return [onnx.reference.ReferenceEvaluator(each).run(None, {"x": x})[0] for each in (proto, ir.to_proto(model))]


@pytest.mark.parametrize(
    ("nodes", "step"),
    [
        (f"{STACKED} c = Concat<axis=-1>(u, v) y = ReduceMax<keepdims=0>(c, last)", "Relu"),
        (f"{STACKED} c = Concat<axis=2>(v, u) n = ReduceMin<keepdims=0>(c, last) y = Sub(x, n)", "Relu"),
        ("u = Unsqueeze(x, first) w = Neg(u) c = Concat<axis=0>(w, u) y = ReduceMax<keepdims=0>(c, first)", None),
        (
            "u = Unsqueeze(x, last) t = Tile(column, two) c = Concat<axis=-1>(u, t) y = ReduceMax<keepdims=0>(c, last)",
            "Max",
        ),
    ],
    ids=["ReLU", "x less its negative part", "a part that is computed", "a constant that differs between places"],
)
def test_values_stay(nodes: str, step: str | None) -> None:
    proto, model = prepared(nodes)
    wanted, got = both(proto, model)
    np.testing.assert_array_equal(got, wanted)
    operators = [each.op_type for each in forward_steps(model.graph)]
    assert operators == [step] if step else "ReduceMax" in operators


@pytest.mark.parametrize(
    "nodes",
    [
        f"{STACKED} c = Concat<axis=-1>(u, v) y = ReduceMax<keepdims=1>(c, last)",
        f"{STACKED} c = Concat<axis=-1>(u, v) y = ReduceMax<keepdims=0>(c, first)",
        f"{STACKED} c = Concat<axis=1>(u, v) y = ReduceMax<keepdims=0>(c, last)",
        "u = Unsqueeze(x, last) t = Tile(pair, two) c = Concat<axis=-1>(u, t) y = ReduceMax<keepdims=0>(c, last)",
    ],
    ids=["the axis is kept", "another axis is reduced", "other values were joined", "a part of two"],
)
def test_other_reductions_stay(nodes: str) -> None:
    proto, model = prepared(nodes)
    wanted, got = both(proto, model)
    np.testing.assert_array_equal(got, wanted)
    assert "ReduceMax" in [each.op_type for each in model.graph]
