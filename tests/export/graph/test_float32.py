"""A float16 model in float32 is the same model: its weights, its casts, its constants, the model itself untouched."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import onnx.reference
import onnx_ir as ir
import pytest

from onnxcam_export.graph.float32 import computes_in_halves, to_float32

MIXED = """<ir_version: 10, opset_import: ["": 20]>
g (float[N,3] x) => (float16[N,3] y) {
    h = Cast<to=10>(x)
    m = Mul(h, w)
    c = Constant()
    s = Shape(m)
    z = ConstantOfShape(s)
    a = Add(m, c)
    y = Mul(a, z)
}"""


def mixed() -> onnx.ModelProto:
    """A model whose weight, constants and values are float16."""
    proto = onnx.parser.parse_model(MIXED)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray([0.1, 0.2, 0.3], np.float16), "w"))
    for node in proto.graph.node:
        number = {"Constant": 0.5, "ConstantOfShape": 2.0}.get(node.op_type)
        if number is not None:
            tensor = onnx.numpy_helper.from_array(np.asarray([number], np.float16))
            node.attribute.append(onnx.helper.make_attribute("value", tensor))
    return proto


def test_all_that_was_float16_is_float32() -> None:
    model = ir.from_proto(mixed())
    twin = model.clone()
    to_float32(twin)
    assert computes_in_halves(model)
    assert not computes_in_halves(twin)
    onnx.checker.check_model(ir.to_proto(twin), full_check=True)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    x = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    (y,) = onnx.reference.ReferenceEvaluator(ir.to_proto(twin)).run(None, {"x": x})
    assert y.dtype == np.float32
    weights = np.asarray([0.1, 0.2, 0.3], np.float16).astype(np.float32)
    np.testing.assert_allclose(y, (x * weights + 0.5) * 2, rtol=1e-6)


@pytest.mark.parametrize("kind", ["float", "double"])
def test_other_types_stay(kind: str) -> None:
    text = f'<ir_version: 10, opset_import: ["": 20]> g ({kind}[N] x) => ({kind}[N] y) {{ y = Relu(x) }}'
    model = ir.from_proto(onnx.parser.parse_model(text))
    before = ir.to_proto(model).SerializeToString()
    to_float32(model)
    assert not computes_in_halves(model)
    assert ir.to_proto(model).SerializeToString() == before
