"""What autograd cannot compute for a module is verified by differences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional

from onnxcam import Explainer
from onnxcam_export import ParityError, export
from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.differentiate.tables import InputGradient, Table, guided
from onnxcam_export.pipeline import Plan, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from onnxcam.metadata import Verification

ALL = {
    "onnxcam.scores",
    "onnxcam.activations",
    "onnxcam.gradients",
    "onnxcam.guided_gradients",
    "plain gradient at the image",
    "guided rule at the rectifiers",
}


class Network(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)
        self.head = nn.Linear(8, 5)
        self.function = function

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.function(self.second(self.function(self.first(image)))).mean((2, 3)))


def stepped(x: torch.Tensor) -> torch.Tensor:
    """A function that PyTorch has no derivative of."""
    return x * torch.heaviside(x, torch.zeros(1))


def verified(function: Any, folder: Path, rules: Table = PLAIN) -> Verification:
    plan = Plan(InputGradient("guided", guided(rules)), rules)
    report = run(plan, Network(function).eval(), folder / "out.onnx", input_shape=(3, 16, 16))
    assert report.metadata.verification is not None
    return report.metadata.verification


@pytest.mark.parametrize("function", [functional.elu, lambda x: functional.elu(x, 0.5), stepped])
def test_every_output_is_verified(function: Any, tmp_path: Path) -> None:
    found = verified(function, tmp_path)
    assert {name.partition("/")[0] for name in found.errors} >= ALL
    assert not any(note.startswith("not compared") for note in found.notes)
    assert "autograd" in found.reference
    assert "central differences" in found.reference
    if function is stepped:
        assert any("cannot differentiate the program that it captured: derivative for" in note for note in found.notes)


@pytest.mark.parametrize(("function", "operator"), [(functional.elu, "Elu"), (stepped, "ReduceMean")])
def test_a_rule_that_is_wrong_by_5_percent_is_caught(function: Any, operator: str, tmp_path: Path) -> None:
    right = PLAIN[operator]
    wrong = replace(right, formula=lambda op, step, dy: [op.Mul(dx, 1.05) for dx in right.formula(op, step, dy)])
    with pytest.raises(ParityError, match="and central differences by"):
        verified(function, tmp_path, {**PLAIN, operator: wrong})


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.relu() * x.sigmoid().detach(),
        lambda x: x * x.sigmoid().detach(),  # no SiLU
        lambda x: x + (x.round() - x).detach(),  # a straight-through estimator
    ],
)
def test_gradients_stop_at_detach(function: Callable[[torch.Tensor], torch.Tensor], tmp_path: Path) -> None:
    module = Network(function).eval()
    report = export(module, tmp_path / "out.onnx", input_shape=(3, 16, 16), input_gradient="plain")
    assert "Sum" not in {node.op_type for node in onnx.load(report.path).graph.node}
    image = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1), requires_grad=True)
    module(image)[0, 2].backward()
    assert image.grad is not None
    got = Explainer(report.path).run(image.detach().numpy(), [2]).input_gradient()
    torch.testing.assert_close(torch.from_numpy(got), image.grad)


def test_detach_is_ignored_with_a_note_where_nothing_else_leads_to_the_scores(tmp_path: Path) -> None:
    module = Network(lambda x: x.relu().detach()).eval()
    report = export(module, tmp_path / "out.onnx", input_shape=(3, 16, 16), layers="second")
    assert any("detach() was ignored" in note for note in report.notes)
    image = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    a = module.second(module.function(module.first(image))).detach().requires_grad_()
    module.head(a.relu().mean((2, 3)))[0, 2].backward()  # without the detach
    assert a.grad is not None
    got = Explainer(report.path).run(image.numpy(), [2]).gradients["second"]
    torch.testing.assert_close(torch.from_numpy(got), a.grad)


def test_a_gradient_that_is_not_finite_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match="one of the two is not finite"):
        verified(lambda x: functional.lp_pool2d((x - 9).relu(), 2, 2), tmp_path)  # the root of zeros
