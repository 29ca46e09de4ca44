"""Assignments by a mask become selections, and only where that is the same."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import onnx.reference
import onnx_ir as ir
import pytest

from onnxcam_export.prepare.simplify import simplify

CONSTANTS = {
    "zero": np.float32(0),
    "two": np.float32(2),
    "rest": np.asarray([-1]),
    "single": np.asarray([0.5], np.float32),
}
INDEX = "m = Greater(x, zero) z = NonZero(m) i = Transpose<perm=[1,0]>(z)"


def prepared(nodes: str) -> tuple[onnx.ModelProto, ir.Model]:
    proto = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["": 20]> g (float[N,3] x, float[N,3] d) => (float[N,3] y) {{ {nodes} }}'
    )
    for name, array in CONSTANTS.items():
        if name in nodes:
            proto.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    model = ir.from_proto(proto)
    simplify(model)
    return proto, model


@pytest.mark.parametrize(
    "nodes",
    [
        f"{INDEX} g = GatherND(x, i) h = Log(g) y = ScatterND(d, i, h)",
        f"{INDEX} g = GatherND(d, i) h = Mul(g, single) r = Reshape(h, rest) y = ScatterND(x, i, r)",
        f"{INDEX} g = GatherND(d, i) h = GatherND(x, i) q = Div(g, h) y = ScatterND(d, i, q)",
        (
            "a = Greater(x, zero) m = Not(a) z = NonZero(m) i = Transpose<perm=[1,0]>(z) n = Not(a) w = NonZero(n) "
            "j = Transpose<perm=[1,0]>(w) g = GatherND(d, j) h = Max(g, two) y = ScatterND(x, i, h)"
        ),
    ],
)
def test_it_becomes_a_selection(nodes: str) -> None:
    proto, model = prepared(nodes)
    assert not {"NonZero", "GatherND", "ScatterND"} & {node.op_type for node in model.graph}
    assert [value.name for value in model.graph.outputs] == ["y"]
    x, d = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(np.float32)
    wanted, got = (
        onnx.reference.ReferenceEvaluator(m).run(None, {"x": x, "d": d})[0] for m in (proto, ir.to_proto(model))
    )
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize(
    "nodes",
    [
        f"{INDEX} g = GatherND(x, i) t = ReduceMax(g) e = Sub(g, t) y = ScatterND(d, i, e)",  # not by elements
        f'{INDEX} g = GatherND(x, i) y = ScatterND<reduction="add">(d, i, g)',
        (
            f"{INDEX} n = Less(x, zero) w = NonZero(n) j = Transpose<perm=[1,0]>(w) g = GatherND(d, j) "
            "y = ScatterND(x, i, g)"  # the list of another mask
        ),
    ],
)
def test_other_lists_stay(nodes: str) -> None:
    _, model = prepared(nodes)
    assert "ScatterND" in {node.op_type for node in model.graph}
