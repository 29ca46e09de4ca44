"""What autograd cannot compute for a module is verified by differences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from onnxcam_export import ParityError
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
