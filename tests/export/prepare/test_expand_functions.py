"""Operators without a rule are expanded by the standard's own definition, and compute the same."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import onnx.reference
import onnx_ir as ir
import pytest

from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.prepare.expand_functions import expand


def model(nodes: str, inputs: str, opset: int) -> onnx.ModelProto:
    parsed = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["": {opset}]> g ({inputs}) => (float y) {{ {nodes} }}'
    )
    parsed.graph.output[0].type.tensor_type.ClearField("shape")
    return parsed


@pytest.mark.parametrize(
    ("nodes", "inputs", "opset"),
    [
        ("size = Constant<value_ints=[4, 3]>() y = CenterCropPad<axes=[1, 2]>(x, size)", "float[2,6,3] x", 20),
        ("y = Attention(q, k, v)", "float[2,2,3,4] q, float[2,2,3,4] k, float[2,2,3,4] v", 23),
        ("y = Celu<alpha=0.5>(x)", "float[2,3] x", 20),
        ("y = HardSwish(x)", "float[2,3] x", 20),
        ("y = Selu(x)", "float[2,3] x", 22),
        ("y = MeanVarianceNormalization(x)", "float[2,3,4,4] x", 20),
        ("y = GroupNormalization<num_groups=2>(x, s, s)", "float[2,4,3,3] x, float[4] s", 21),
        ("y = ReduceLogSumExp<keepdims=0>(x)", "float[2,3] x", 20),
        ("y = Shrink(x)", "float[2,3] x", 20),
    ],
)
def test_expansion_computes_the_same(nodes: str, inputs: str, opset: int) -> None:
    proto = model(nodes, inputs, opset)
    expanded = ir.from_proto(proto)
    before = {node.op_type for node in expanded.graph}
    expand(expanded, keep=())
    result = ir.to_proto(expanded)
    assert not before & {node.op_type for node in result.graph.node} - {"Constant"}
    assert not result.functions
    assert [opset.domain for opset in result.opset_import] == [""]
    rng = np.random.default_rng(0)
    feeds = {
        value.name: rng.standard_normal([d.dim_value for d in value.type.tensor_type.shape.dim]).astype(np.float32)
        for value in proto.graph.input
    }
    wanted, got = (onnx.reference.ReferenceEvaluator(m).run(None, feeds)[0] for m in (proto, result))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    result.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, got.shape))
    onnx.checker.check_model(result, full_check=True)


def test_what_has_a_rule_stays() -> None:
    kept = ir.from_proto(model("h = HardSwish(x) y = LayerNormalization(h, s)", "float[2,3] x, float[3] s", 20))
    expand(kept, keep=PLAIN)
    assert [node.op_type for node in kept.graph] == ["HardSwish", "LayerNormalization"]


def test_operators_of_other_domains_and_without_a_body_stay() -> None:
    kept = ir.from_proto(model("h = com.example.Mystery(x) y = Det(h)", "float[2,3,3] x", 20))
    expand(kept, keep=())
    assert [node.op_type for node in kept.graph] == ["Mystery", "Det"]
