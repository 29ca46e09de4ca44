"""Gradients are compared where they are unique, and it is said where they are not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from onnx_text import model
from onnxcam_export import ParityError, export
from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.differentiate.tables import InputGradient, guided
from onnxcam_export.pipeline import Plan, run
from onnxcam_export.verify.ties import tied_places, ties_note

if TYPE_CHECKING:
    from pathlib import Path


class LargestPooling(nn.Module):
    """The mean of the five largest values of each map, most of which are zeros."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
        self.body[2].bias.data -= 0.5
        self.head = nn.Linear(8, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(image).flatten(2).topk(5, 2)[0].mean(2))


def test_ties_of_a_module_are_left_out_and_said(tmp_path: Path) -> None:
    found = export(LargestPooling().eval(), tmp_path / "out.onnx", input_shape=(3, 16, 16)).metadata.verification
    assert found is not None
    assert max(found.errors.values()) < 1e-5
    assert "onnxcam.gradients/body" in found.errors
    assert any(note.startswith("compared in part: onnxcam.gradients/body, where it is unique") for note in found.notes)


def test_ties_of_a_file_are_left_out_and_said(tmp_path: Path) -> None:
    proto = model(
        """g (float[N,3,12,12] x) => (float[N,5] y) {
            c = Conv(x, w1, b1)
            r = Relu(c)
            m = Reshape(r, size)
            v, i = TopK(m, five)
            f = ReduceMean<keepdims=0>(v, last)
            y = Gemm(f, w2)
        }""",
        w1=(8, 3, 3, 3),
        b1=np.full(8, -3, np.float32),
        w2=(8, 5),
        size=[0, 8, -1],
        five=[5],
        last=[2],
    )
    found = export(proto, tmp_path / "out.onnx").metadata.verification
    assert found is not None
    assert any(note.startswith("compared in part: onnxcam.gradients/r, where it is unique") for note in found.notes)


@pytest.mark.parametrize("factor", [1.05, -1.0])
def test_a_wrong_rule_is_caught_where_the_gradient_is_unique(factor: float, tmp_path: Path) -> None:
    right = PLAIN["TopK"]

    def wrong(op: Any, step: Any, *dy: Any) -> Any:
        return [op.Mul(dx, factor) for dx in right.formula(op, step, *dy)]

    rules = {**PLAIN, "TopK": replace(right, formula=wrong)}
    plan = Plan(InputGradient("guided", guided(rules)), rules)
    with pytest.raises(ParityError, match=r"^onnxcam\.gradients/body differs"):
        run(plan, LargestPooling().eval(), tmp_path / "out.onnx", input_shape=(3, 16, 16))


def test_equal_values_are_tied_only_where_the_selection_changes() -> None:
    a = np.asarray([[0, 0, 3, 3, 5, 0], [1, 2, 4, 4, 5, 0]], np.float32)

    def gradient(noise: Any) -> Any:
        """The two largest of each row, the first of equal ones."""
        moved = a if noise is None else a + noise
        g = np.zeros_like(a)
        np.put_along_axis(g, np.argsort(-moved, axis=1, kind="stable")[:, :2], 1, axis=1)
        return a, g

    assert tied_places(gradient).tolist() == [[0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 0, 0]]


def test_where_everything_is_tied_nothing_was_compared() -> None:
    assert ties_note("onnxcam.gradients/r", np.ones((2, 3))).startswith("not compared: onnxcam.gradients/r; ")
