"""Shapes and integers that are known but for the batch."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import onnx.reference
import onnx_ir as ir
import pytest

from onnxcam_export.prepare.simplify import simplify

CONSTANTS = {
    "zero": np.asarray([0]),
    "rest": np.asarray([-1]),
    "four": np.asarray([4]),
    "spatial": np.asarray([2, 3]),
    "half": np.asarray([2]),
    "scale": np.ones(4, np.float32),
    "weight": np.ones((3, 4, 2, 2), np.float32),
    "crop": np.asarray([3, 4]),
    "merge": np.asarray([-1, 5, 5]),
    "hundred": np.asarray([-1, 100]),
}


def prepared(nodes: str, batch: int | str = "N", opset: int = 21) -> tuple[onnx.ModelProto, ir.Model]:
    proto = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["": {opset}]> g (float[{batch},4,5,5] x) => (float y) {{ {nodes} }}'
    )
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    words = nodes.replace("(", " ").replace(")", " ").replace(",", " ").split()
    for name, array in CONSTANTS.items():
        if name in words:
            proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    model = ir.from_proto(proto)
    simplify(model)
    return proto, model


FLATTENED = "s = Shape(x) b = Gather(s, zero) t = Concat<axis=0>(b, rest) f = Reshape(x, t) y = Relu(f)"


@pytest.mark.parametrize(
    ("nodes", "shape", "left"),
    [
        (FLATTENED, ["N", 100], None),
        ("g = GroupNormalization<num_groups=2>(x, scale, scale) y = Conv(g, weight)", ["N", 3, 4, 4], None),
        ("y = CenterCropPad<axes=[2, 3]>(x, crop)", ["N", 4, 3, 4], {"Pad", "Slice"}),
        (
            (
                "s = Shape(x) h = Gather(s, spatial) e = Mul(h, half) b = Slice(s, zero, half) "
                "z = Concat<axis=0>(b, e) y = Resize(x, , , z)"
            ),
            ["N", 4, 10, 10],
            None,
        ),
        ("m = Reshape(x, merge) y = Relu(m)", ["4*N", 5, 5], {"Reshape", "Relu"}),
        ("s = Shape(x) b = Slice(s, zero, half) y = Expand(scale, b)", None, None),
    ],
)
def test_completed(nodes: str, shape: list[int | str] | None, left: set[str] | None) -> None:
    proto, model = prepared(nodes)
    (y,) = model.graph.outputs
    if shape is not None:
        assert y.shape is not None
        assert [n if isinstance(n, int) else n.value for n in y.shape] == shape
    if left is not None:
        assert {node.op_type for node in model.graph} == left
    if shape is not None:
        x = np.random.default_rng(0).standard_normal((2, 4, 5, 5)).astype(np.float32)
        wanted, got = (onnx.reference.ReferenceEvaluator(m).run(None, {"x": x})[0] for m in (proto, ir.to_proto(model)))
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_a_fixed_batch_leaves_nothing_to_compute() -> None:
    _, model = prepared(FLATTENED, batch=1)
    assert [node.op_type for node in model.graph] == ["Reshape", "Relu"]
    assert list(model.graph.outputs[0].shape or ()) == [1, 100]
