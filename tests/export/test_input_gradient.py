"""The gradient at the input by other tables of rules, and activations that a user declares rectifiers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

import onnxcam
from onnx_text import small
from onnxcam_export import PLAIN, ExportError, ParityError, export, guided
from onnxcam_export.differentiate.tables import InputGradient
from onnxcam_export.pipeline import Plan, run

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (3, 16, 16)


class Tamed(nn.Module):
    """A network whose activation is Tanh, which is no rectifier unless the user says so."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 8, 3, 2), nn.Tanh())
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).mean((2, 3)))


DECLARED = {**PLAIN, "Tanh": replace(PLAIN["Tanh"], rectifies=True)}


def expected(module: Tamed, image: torch.Tensor, index: int, *, guide: bool) -> torch.Tensor:
    """The gradient at the image by hand, from the last activation to the first."""

    class Guide(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return y.clone()

        @staticmethod
        def backward(ctx: Any, *dy: torch.Tensor) -> tuple[torch.Tensor, None]:
            return dy[0].clamp(min=0) * (ctx.saved_tensors[0] > 0), None

    image = image.clone().requires_grad_()
    value = image
    for layer in module.features:
        before, value = value, layer(value)
        if guide and isinstance(layer, nn.Tanh):
            value = Guide.apply(value, before)
    module.head(value.mean((2, 3)))[0, index].backward()
    assert image.grad is not None
    return image.grad


@pytest.mark.parametrize("guide", [False, True])
def test_a_declared_rectifier_is_guided_and_verified_as_one(tmp_path: Path, guide: bool) -> None:
    module = Tamed().eval()
    table: Any = guided(DECLARED) if guide else "plain"
    report = export(module, tmp_path / "out.onnx", input_shape=SHAPE, input_gradient=table)
    assert report.metadata.verification is not None
    assert "onnxcam.input_gradients" in report.metadata.verification.errors
    image = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(1))
    got = onnxcam.Explainer(report.path).run(image.numpy(), [2]).input_gradient()
    np.testing.assert_allclose(got, expected(module, image, 2, guide=guide), rtol=1e-4, atol=1e-7)


def test_a_declared_rectifier_that_is_not_guided_is_noticed(tmp_path: Path) -> None:
    """The declaration is there, and the table's rule is the plain one."""
    right = guided(DECLARED)
    wrong = replace(right["Tanh"], formula=lambda op, step, dy: [op.Mul(dy, op.Sub(1.0, op.Mul(step.y, step.y)))])
    faulty = {**right, "Tanh": wrong}
    plan = Plan(InputGradient("custom", faulty), PLAIN)
    with pytest.raises(ParityError, match=r"^onnxcam\.input_gradients differs from PyTorch"):
        run(plan, Tamed().eval(), tmp_path / "out.onnx", input_shape=SHAPE)


@pytest.mark.parametrize("name", ["plain", "deconvnet"])
def test_the_named_tables_of_an_onnx_model_are_verified(name: str, tmp_path: Path) -> None:
    report = export(small(), tmp_path / "out.onnx", input_gradient=name)
    assert report.metadata.input_gradient == name
    assert report.metadata.verification is not None
    compared = report.metadata.verification.errors
    assert {"onnxcam.input_gradients", "plain gradient at the image"} <= compared.keys()
    assert ("guided rule at the rectifiers" in compared) == (name == "deconvnet")


def test_rules_of_one_s_own_are_said_not_to_be_compared(tmp_path: Path) -> None:
    own = {"Relu": replace(PLAIN["Relu"], formula=lambda op, step, dy: [op.Mul(dy, 2.0)])}  # noqa: ARG005
    for source, shape in ((Rectified().eval(), SHAPE), (small(), None)):
        report = export(source, tmp_path / "out.onnx", input_shape=shape, input_gradient=own)
        assert report.metadata.verification is not None
        (note,) = [note for note in report.metadata.verification.notes if "input_gradients" in note]
        assert note.startswith("not compared: onnxcam.input_gradients, made with rules of the caller's own: Relu node")


class Rectified(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).mean((2, 3)))


def test_a_name_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"input_gradient is 'guide'; give 'guided', 'plain', 'deconvnet', or"):
        export(small(), tmp_path / "out.onnx", input_gradient="guide")
