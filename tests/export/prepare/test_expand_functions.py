"""Operators without a rule are expanded by the standard's own definition, and compute the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx.parser
import onnx.reference
import onnx_ir as ir
import pytest
import torch

from onnx_text import small
from onnxcam_export import export
from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.prepare.expand_functions import expand
from onnxcam_export.prepare.simplify import simplify

if TYPE_CHECKING:
    from pathlib import Path


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


def test_what_has_a_rule_for_its_first_output_alone_is_expanded_if_others_are_used(tmp_path: Path) -> None:
    proto = small(
        head="n, mean, deviation = LayerNormalization(f, scale)\nm = Mul(n, deviation)\ny = Gemm(m, w2, b2)",
        weights={"scale": (4,)},
    )
    verification = export(proto, tmp_path / "out.onnx", input_gradient="plain").metadata.verification
    assert verification is not None
    assert "onnxcam.input_gradients" in verification.errors


def test_operators_of_other_domains_and_without_a_body_stay() -> None:
    kept = ir.from_proto(model("h = com.example.Mystery(x) y = Det(h)", "float[2,3,3] x", 20))
    expand(kept, keep=())
    assert [node.op_type for node in kept.graph] == ["Mystery", "Det"]


def test_the_shapes_in_a_body_do_not_depend_on_the_batch() -> None:
    """Expanded attention: what its body computes of sizes is folded, and all values have types."""
    proto = model(
        "y = Attention<q_num_heads=4, kv_num_heads=2, is_causal=1>(q, k, k)", "float[N,3,8] q, float[N,3,4] k", 23
    )
    expanded = ir.from_proto(proto)
    simplify(expanded)
    values = [value for node in expanded.graph for value in node.outputs]
    assert all(value.dtype is not None and value.shape is not None for value in values)
    assert all(isinstance(size, int) for value in values for size in list(value.shape or ())[1:])


@pytest.mark.parametrize("aligned", [0, 1])
@pytest.mark.parametrize("size", [(3, 4), (2, 3, 4)])
def test_an_affine_grid_is_one_product(size: tuple[int, ...], aligned: int) -> None:
    rank = len(size)
    nodes = f"size = Shape(x) y = AffineGrid<align_corners={aligned}>(t, size)"
    places = ",".join(map(str, size))
    proto = model(nodes, f"float[N,{rank},{rank + 1}] t, float[N,5,{places}] x", 20)
    expanded = ir.from_proto(proto)
    simplify(expanded)
    assert [node.op_type for node in expanded.graph] == ["Transpose", "MatMul", "Reshape"]
    theta = np.random.default_rng(0).standard_normal((1, rank, rank + 1)).astype(np.float32)
    (got,) = onnx.reference.ReferenceEvaluator(ir.to_proto(expanded)).run(
        None, {"t": theta, "x": np.zeros((1, 5, *size))}
    )
    wanted = torch.nn.functional.affine_grid(torch.from_numpy(theta), [1, 5, *size], align_corners=bool(aligned))
    np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-5, atol=1e-6)
