"""Verification without PyTorch catches what is wrong, and says what it compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir
import pytest

from onnx_text import model, small
from onnxcam_export import ParityError, export
from onnxcam_export.analyse.forward import analyse
from onnxcam_export.assemble.outputs import assemble
from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.differentiate.tables import InputGradient, Table, deconvnet, guided
from onnxcam_export.pipeline import Plan, run
from onnxcam_export.prepare.simplify import simplify
from onnxcam_export.read.source import read
from onnxcam_export.verify import gradient_at_image
from onnxcam_export.verify.comparison import difference
from onnxcam_export.verify.reference import reference_for
from onnxcam_export.verify.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

    import onnx


def network() -> onnx.ModelProto:
    """Two convolutions, a squeeze-and-excitation gate, pooling."""
    return model(
        """g (float[N,3,16,16] x) => (float[N,5] probabilities) {
            c1 = Conv <pads = [1, 1, 1, 1]> (x, w1, b1)
            r1 = Relu(c1)
            m = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r1)
            squeezed = GlobalAveragePool(m)
            e1 = Conv(squeezed, w3)
            gate = Sigmoid(e1)
            gated = Mul(m, gate)
            c2 = Conv <pads = [1, 1, 0, 0]> (gated, w2)
            r2 = LeakyRelu <alpha = 0.1> (c2)
            p = GlobalAveragePool(r2)
            f = Flatten(p)
            y = Gemm(f, w4, b4)
            probabilities = Softmax(y)
        }""",
        w1=(6, 3, 3, 3),
        b1=(6,),
        w2=(8, 6, 3, 3),
        w3=(6, 6, 1, 1),
        w4=(8, 5),
        b4=(5,),
    )


def test_the_report_says_what_was_compared(tmp_path: Path) -> None:
    report = export(network(), tmp_path / "out.onnx", layers=["r1", "r2"])
    found = report.metadata.verification
    assert found is not None
    assert set(found.errors) == {
        "probabilities",
        "onnxcam.scores",
        "onnxcam.activations/r1",
        "onnxcam.activations/r2",
        "onnxcam.gradients/r1",
        "onnxcam.gradients/r2",
        "onnxcam.grad_cam/r1",
        "onnxcam.grad_cam/r2",
        "onnxcam.guided_gradients",
        "onnxcam.guided_grad_cam/r1",
        "onnxcam.guided_grad_cam/r2",
        "plain gradient at the image",
        "guided rule at the rectifiers",
        "each target's row alone",
    }
    assert all(error < found.tolerances[name] for name, error in found.errors.items())
    assert "central differences" in found.reference
    assert found.notes == (gradient_at_image.GUIDED_NOTE,)
    assert "plain gradient at the image" in str(report)


def scaled(name: str, factor: float) -> Table:
    """A rule whose gradients are too long."""
    right = PLAIN[name]

    def formula(op: Any, step: Any, *dy: Any) -> Any:
        return [None if dx is None else op.Mul(dx, factor) for dx in right.formula(op, step, *dy)]

    return {**PLAIN, name: replace(right, formula=formula)}


def without_gate() -> Table:
    """The gate taken for a constant."""
    wrong = replace(PLAIN["Sigmoid"], formula=lambda op, _, dy: [op.Mul(dy, 0.0)])
    return {**PLAIN, "Sigmoid": wrong}


def unflipped() -> Table:
    """The convolution's gradient with the map upside down."""
    right = PLAIN["Conv"]

    def formula(op: Any, step: Any, dy: Any) -> Any:
        dx, *others = right.formula(op, step, dy)
        turned = op.Slice(dx, [-1], [-(2**62)], [2], [-1])
        return [turned, *others]

    return {**PLAIN, "Conv": replace(right, formula=formula)}


FAULTS: dict[str, tuple[Table, str]] = {
    "average pooling 5 % too strong": (scaled("GlobalAveragePool", 1.05), "onnxcam.gradients/r1"),
    "head of the wrong sign": (scaled("Gemm", -1.0), "onnxcam.gradients/r1"),
    "max pooling that drops": (scaled("MaxPool", 0.5), "onnxcam.gradients/r1"),
    "a gate without gradient": (without_gate(), "onnxcam.gradients/r1"),
    "convolution upside down": (unflipped(), "onnxcam.gradients/r1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_rule_is_caught_at_the_layer(fault: str, tmp_path: Path) -> None:
    rules, where = FAULTS[fault]
    plan = Plan(InputGradient("guided", guided(rules)), rules)
    with pytest.raises(ParityError) as caught:
        run(plan, network(), tmp_path / "out.onnx", layers="r1")
    assert str(caught.value).startswith(f"{where} differs from the original in ONNX Runtime")
    assert not (tmp_path / "out.onnx").exists()


def test_a_wrong_rule_before_the_layer_is_caught_at_the_image(tmp_path: Path) -> None:
    rules = scaled("MaxPool", 1.1)
    plan = Plan(InputGradient("guided", guided(rules)), rules)
    with pytest.raises(ParityError, match="plain gradient at the image differs"):
        run(plan, network(), tmp_path / "out.onnx", layers="r2")


@pytest.mark.parametrize("kind", ["Relu", "LeakyRelu"])
@pytest.mark.parametrize(("name", "table"), [("guided", guided), ("deconvnet", deconvnet)])
def test_a_wrong_rule_is_caught_at_the_rectifiers(kind: str, name: str, table: Any, tmp_path: Path) -> None:
    """The plain rule in its place, in the artifact and in the model that shows the parts alike."""
    plan = Plan(InputGradient(name, {**table(PLAIN), kind: PLAIN[kind]}), PLAIN)
    with pytest.raises(ParityError, match="rule at the rectifiers differs"):
        run(plan, network(), tmp_path / "out.onnx")


def test_an_artifact_with_another_guided_gradient_is_caught(tmp_path: Path) -> None:
    path = tmp_path / "out.onnx"
    original = read(network(), None)
    simplify(original.model)
    forward = analyse(original, {}, None)
    reference = reference_for(original, forward, InputGradient.of("guided"))
    assemble(forward, InputGradient("guided", PLAIN))
    ir.save(forward.model, path)
    metadata = export(network(), tmp_path / "right.onnx").metadata
    with pytest.raises(ParityError, match=r"onnxcam\.guided_gradients differs"):
        verify(path, metadata, reference)


def test_outputs_that_changed_are_caught(tmp_path: Path) -> None:
    path = tmp_path / "out.onnx"
    original = read(network(), None)
    simplify(original.model)
    weight = original.model.graph.initializers["w4"]
    assert weight.const_value is not None
    weight.const_value = ir.tensor(weight.const_value.numpy() * np.float32(1.01), name="w4")
    forward = analyse(original, {}, None)
    reference = reference_for(original, forward, InputGradient.of("guided"))
    assemble(forward, InputGradient.of("guided"))
    ir.save(forward.model, path)
    metadata = export(network(), tmp_path / "right.onnx").metadata
    with pytest.raises(ParityError, match="probabilities differs"):
        verify(path, metadata, reference)


def test_a_dead_layer_is_said_not_to_be_compared(tmp_path: Path) -> None:
    proto = small(head="y = Gemm(f, w2, b2)", weights={"b1": np.full(4, -1e3, np.float32)})
    found = export(proto, tmp_path / "out.onnx").metadata.verification
    assert found is not None
    assert "not compared: onnxcam.gradients/r, which is zero, or on kinks everywhere" in found.notes
    assert found.errors["onnxcam.guided_gradients"] == 0


def test_ties_of_max_pooling_behind_the_layer_are_no_error(tmp_path: Path) -> None:
    """Windows of zeros: the gradient goes to the first of them, which no difference agrees with."""
    proto = model(
        """g (float[N,3,16,16] x) => (float[N,5] y) {
            c = Conv(x, w1, b1)
            r = Relu(c)
            m = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (r)
            f = Flatten(m)
            y = Gemm(f, w2)
        }""",
        w1=(4, 3, 3, 3),
        b1=np.full(4, -2, np.float32),
        w2=(4 * 6 * 6, 5),
    )
    found = export(proto, tmp_path / "out.onnx", layers="r").metadata.verification
    assert found is not None
    assert found.errors["onnxcam.gradients/r"] < 5e-3


@pytest.mark.parametrize(
    ("value", "expected", "error"),
    [
        ([{0: 0.25, 1: 0.75}], [{0: 0.25, 1: 0.75}], 0.0),
        ([{0: 0.0, 1: 1.0}], [{0: 1.0, 1: 1.0}], np.sqrt(0.5)),
        (np.array(["cat", "dog"]), np.array(["cat", "dog"]), 0.0),
        (np.array(["cat", "dog"]), np.array(["cat", "cow"]), np.inf),
        (["cat"], ["cow"], np.inf),
        (np.array([1, 2]), np.array([1, 2]), 0.0),
    ],
)
def test_outputs_of_any_type_are_compared(value: Any, expected: Any, error: float) -> None:
    assert difference(value, expected) == pytest.approx(error)
