"""Float16 files: right artifacts pass, wrong rules and wrong artifacts are caught, and underflow is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from onnx_text import model
from onnxcam import Explainer
from onnxcam_export import ParityError, export
from onnxcam_export.analyse.forward import analyse
from onnxcam_export.assemble.outputs import assemble
from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.differentiate.tables import InputGradient, Table, guided
from onnxcam_export.pipeline import Plan, run
from onnxcam_export.prepare.simplify import simplify
from onnxcam_export.read.source import read
from onnxcam_export.verify.reference import reference_for
from onnxcam_export.verify.verify import verify

if TYPE_CHECKING:
    from pathlib import Path


def network(size: float = 1.0) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    proto = model(
        """g (float16[N,3,16,16] x) => (float16[N,5] y) {
            c1 = Conv <pads = [1, 1, 1, 1]> (x, w1)
            r1 = Relu(c1)
            m = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r1)
            c2 = Conv <pads = [1, 1, 1, 1]> (m, w2)
            r2 = Relu(c2)
            p = GlobalAveragePool(r2)
            f = Flatten(p)
            y = Gemm(f, w3)
        }"""
    )
    for name, shape in (("w1", (6, 3, 3, 3)), ("w2", (8, 6, 3, 3)), ("w3", (8, 5))):
        weights = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:])) * size
        proto.graph.initializer.append(onnx.numpy_helper.from_array(weights.astype(np.float16), name))
    return proto


def in_float32(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same weights, by another way than the product's."""
    wide = onnx.ModelProto.FromString(proto.SerializeToString())
    for value in (*wide.graph.input, *wide.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    for tensor in wide.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return wide


@pytest.mark.parametrize("layer", ["c1", "r1", "m", "r2"])
def test_it_is_exported_verified_and_equals_float32(layer: str, tmp_path: Path) -> None:
    report = export(network(), tmp_path / "half.onnx", layers=layer)
    found = report.metadata.verification
    assert found is not None
    assert found.errors.keys() >= {
        "y",
        "onnxcam.scores",
        f"onnxcam.activations/{layer}",
        f"onnxcam.gradients/{layer}",
        f"onnxcam.gradients/{layer}, in float32",
        "onnxcam.guided_gradients",
        "plain gradient at the image",
        "guided rule at the rectifiers",
    }
    assert not any(note.startswith("not compared") for note in found.notes)
    wide = export(in_float32(network()), tmp_path / "wide.onnx", layers=layer)
    image = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float16)
    half, single = Explainer(report.path).run(image, [0, 3]), Explainer(wide.path).run(image.astype(np.float32), [0, 3])
    for got, expected, allowed in (
        (half.grad_cam(), single.grad_cam(), 5e-3),
        (half.guided_backprop(), single.guided_backprop(), 3e-2),
    ):
        assert np.linalg.norm(got - expected) <= allowed * np.linalg.norm(expected)


def scaled(name: str, factor: float) -> Table:
    right = PLAIN[name]

    def formula(op: Any, step: Any, *dy: Any) -> Any:
        return [None if dx is None else op.Mul(dx, factor) for dx in right.formula(op, step, *dy)]

    return {**PLAIN, name: replace(right, formula=formula)}


@pytest.mark.parametrize(
    ("operator", "layer", "where"),
    [
        ("GlobalAveragePool", "r2", r"onnxcam\.gradients/r2, in float32"),
        ("Gemm", "r1", r"onnxcam\.gradients/r1, in float32"),
        ("MaxPool", "r2", "plain gradient at the image"),
    ],
)
@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_rule_that_is_wrong_by_5_percent_is_caught(
    operator: str, layer: str, where: str, factor: float, tmp_path: Path
) -> None:
    rules = scaled(operator, factor)
    with pytest.raises(ParityError, match=f"^{where} differs"):
        run(Plan(InputGradient("guided", guided(rules)), rules), network(), tmp_path / "out.onnx", layers=layer)


@pytest.mark.parametrize(
    ("table", "rules", "where"),
    [
        (guided(scaled("GlobalAveragePool", 1.05)), PLAIN, r"onnxcam\.guided_gradients"),
        (guided(PLAIN), scaled("GlobalAveragePool", 1.05), r"onnxcam\.gradients/r2"),
    ],
)
def test_an_artifact_that_is_wrong_by_5_percent_is_caught(
    table: Table, rules: Table, where: str, tmp_path: Path
) -> None:
    path = tmp_path / "out.onnx"
    original = read(network(), None)
    simplify(original.model)
    forward = analyse(original, {}, None)
    reference = reference_for(original, forward, InputGradient.of("guided"))
    assemble(forward, InputGradient("guided", table), rules=rules)
    ir.save(forward.model, path)
    metadata = export(network(), tmp_path / "right.onnx").metadata
    with pytest.raises(ParityError, match=f"^{where} differs"):
        verify(path, metadata, reference)


def test_a_gradient_that_float16_cannot_hold_is_said(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"float16 cannot hold.*export the model in float32"):
        export(network(size=0.002), tmp_path / "out.onnx")
