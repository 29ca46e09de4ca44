"""One form for all producers: each change alone, and that the answers stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest

from onnx_text import model, small
from onnxcam_export import SourceError
from onnxcam_export.read.files.explicit_padding import make_explicit
from onnxcam_export.read.files.upgrade import infer_shapes, to_standard_form, upgrade
from onnxcam_export.read.image_input import differentiable

if TYPE_CHECKING:
    from collections.abc import Sequence


def answers(proto: onnx.ModelProto, shape: Sequence[int]) -> list[Any]:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return list(ort.InferenceSession(proto.SerializeToString()).run(None, {proto.graph.input[0].name: x}))


def assert_same_answers(before: onnx.ModelProto, after: ir.Model, shape: Sequence[int]) -> None:
    for expected, got in zip(answers(before, shape), answers(ir.to_proto(after), shape), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("opset", [8, 9, 11, 13, 15, 17, 18, 20, 21])
def test_every_opset_is_brought_to_20_or_left_newer(opset: int) -> None:
    proto = small("float[N,5] y", "z = Gemm(f, w2, b2)\ny = Softmax <axis = 1> (z)", opset=opset, ir_version=8)
    loaded = ir.from_proto(proto)
    assert to_standard_form(loaded) == "x"
    assert loaded.opset_imports[""] == max(opset, 20)
    assert_same_answers(proto, loaded, (2, 3, 12, 12))


def test_an_operator_without_a_way_up_is_named() -> None:
    """Scan with sequence lengths is the one that the version converter refuses."""
    proto = model(
        """g (int64[1] lengths, float[1,3] start, float[1,4,3] x) => (float[1,3] y) {
            y = Scan <num_scan_inputs = 1, body = step (float[3] sum, float[3] part) => (float[3] next) {
                next = Add(sum, part)
            }> (lengths, start, x)
        }""",
        opset=8,
        ir_version=3,
    )
    with pytest.raises(
        SourceError, match=r"cannot be upgraded from opset 8 to 20: .*Scan|scan.*; export the model again"
    ):
        upgrade(ir.from_proto(proto))


def test_an_opset_from_the_future_needs_a_newer_onnx() -> None:
    loaded = ir.from_proto(small())
    loaded.graph.opset_imports[""] = 99
    with pytest.raises(SourceError, match=r"needs opset 99, and the installed onnx knows up to \d+; upgrade onnx"):
        upgrade(loaded)


@pytest.mark.parametrize("opset", [18, 20])
@pytest.mark.parametrize("groups", [2, 4])
def test_group_normalisation_has_a_scale_for_each_group_up_to_opset_20(groups: int, opset: int) -> None:
    proto = model(
        f"""g (float[N,4,5,6] x) => (float[N,4,5,6] y) {{
            y = GroupNormalization <num_groups = {groups}, epsilon = 0.1> (x, scale, bias)
        }}""",
        opset=opset,
        scale=(groups,),
        bias=(groups,),
    )
    loaded = ir.from_proto(proto)
    to_standard_form(loaded)
    onnx.checker.check_model(ir.to_proto(loaded), full_check=True)
    assert_same_answers(proto, loaded, (2, 4, 5, 6))


def with_function(body: str, opset: int) -> onnx.ModelProto:
    return onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 18, "mine": 1]>
        g (float[N,3,4,4] x) => (float[N,C,H,W] y) {{ y = mine.Block(x) }}
        <domain: "mine", opset_import: ["": {opset}]> Block (a) => (b) {{ {body} }}"""
    )


@pytest.mark.parametrize(("body", "opset"), [("b = Tanh(a)", 17), ("b = Tanh(a)", 19), ("b = Relu(a)", 13)])
def test_a_function_of_another_opset_is_inlined_if_its_operators_mean_the_same(body: str, opset: int) -> None:
    proto = with_function(body, opset)
    loaded = ir.from_proto(proto)
    to_standard_form(loaded)
    assert not loaded.functions
    assert_same_answers(proto, loaded, (2, 3, 4, 4))


@pytest.mark.parametrize(
    ("body", "opset"), [("b = ReduceMean <axes = [2, 3]> (a)", 17), ("b = Softmax <axis = 1> (a)", 12)]
)
def test_a_function_whose_operators_changed_is_refused(body: str, opset: int) -> None:
    loaded = ir.from_proto(with_function(body, opset))
    with pytest.raises(SourceError, match=rf"'Block' is written in opset {opset} and the model in 18, .* changed, and"):
        to_standard_form(loaded)


def test_shapes_that_the_file_has_wrong_are_inferred_anew() -> None:
    proto = small()
    proto.graph.value_info.append(onnx.helper.make_tensor_value_info("r", onnx.TensorProto.FLOAT, ["N", 4, 99, 99]))
    loaded = ir.from_proto(proto)
    infer_shapes(loaded)
    shapes = {value.name: list(value.shape or ())[1:] for node in loaded.graph for value in node.outputs}
    assert shapes["r"] == [4, 12, 12]


def test_dropout_is_gone_and_its_mask_too() -> None:
    proto = small(head="d, mask = Dropout(f)\ny = Gemm(d, w2, b2)")
    loaded = ir.from_proto(proto)
    to_standard_form(loaded)
    assert "Dropout" not in {node.op_type for node in loaded.graph}
    assert_same_answers(proto, loaded, (2, 3, 12, 12))


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"])
@pytest.mark.parametrize(
    "node",
    [
        'Conv <auto_pad = "MODE", strides = [2, 3]> (x, w)',
        'Conv <auto_pad = "MODE", group = 1, strides = [3, 1], kernel_shape = [3, 2]> (x, w)',
        'MaxPool <auto_pad = "MODE", kernel_shape = [3, 2], strides = [2, 2]> (x)',
        'AveragePool <auto_pad = "MODE", kernel_shape = [3, 2], strides = [2, 1]> (x)',
        'ConvTranspose <auto_pad = "MODE", strides = [2, 2]> (x, wt)',
    ],
)
def test_automatic_padding_becomes_explicit(node: str, mode: str) -> None:
    text = f"g (float[N,3,11,8] x) => (float y) {{ y = {node.replace('MODE', mode)} }}"
    proto = model(text, w=(4, 3, 3, 2), wt=(3, 4, 3, 2))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    loaded = ir.from_proto(proto)
    infer_shapes(loaded)
    assert make_explicit(loaded.graph)
    assert "auto_pad" not in next(iter(loaded.graph)).attributes
    assert_same_answers(proto, loaded, (2, 3, 11, 8))


def pixels(body: str) -> onnx.ModelProto:
    return model(f"g (uint8[N,4,6,3] image) => (float y) {{ {body} }}", two=np.array(2, np.float32), shape=[0, 4, 18])


@pytest.mark.parametrize(
    ("body", "casts"),
    [
        ("c = Cast <to = 1> (image)\ny = Mul(c, two)", 1),
        ("t = Transpose <perm = [0, 3, 1, 2]> (image)\nc = Cast <to = 1> (t)\ny = Mul(c, two)", 1),
        ("a = Cast <to = 1> (image)\nb = Cast <to = 1> (image)\ny = Mul(a, b)", 1),
        ("t = Reshape(image, shape)\nc = Cast <to = 1> (t)\ny = Mul(c, two)", 1),
        ("t = Transpose <perm = [0, 3, 1, 2]> (image)\nc = Cast <to = 1> (t)\ny = Identity(c)", 1),
    ],
)
def test_the_cast_of_integers_comes_first(body: str, casts: int) -> None:
    proto = pixels(body)
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    loaded = ir.from_proto(proto)
    infer_shapes(loaded)
    value = differentiable(loaded.graph, loaded.graph.inputs[0])
    assert (value.dtype, list(value.shape or ())[1:]) == (ir.DataType.FLOAT, [4, 6, 3])
    assert [node.op_type for node in loaded.graph].count("Cast") == casts
    image = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)
    (expected,), (got,) = (
        ort.InferenceSession(item.SerializeToString()).run(None, {"image": image})
        for item in (proto, ir.to_proto(loaded))
    )
    np.testing.assert_array_equal(got, expected)
