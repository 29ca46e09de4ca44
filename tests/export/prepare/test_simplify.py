"""What simplifying must not lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx.reference
import onnx_ir as ir
import pytest
import torch
from torch import nn

from onnx_text import model
from onnxcam import Explainer
from onnxcam_export import export
from onnxcam_export.prepare.simplify import simplify
from support import reference

if TYPE_CHECKING:
    from pathlib import Path


class Clamped(nn.Module):
    """Two pairs of limits on one value, each pair of which is made one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3)
        self.second, self.third, self.head = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1), nn.Linear(8, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.first(image)
        narrow = x.clamp(-1.0, 5.0).clamp(-0.2, 0.5)
        wide = x.clamp(-2.0, 5.0).clamp(-0.7, 6.0)
        return self.head((self.second(narrow) + self.third(wide)).mean((2, 3)))


def test_limits_of_one_value_stay_apart(tmp_path: Path) -> None:
    module = Clamped().eval()
    report = export(module, tmp_path / "out.onnx", input_shape=(3, 12, 12), layers="first")
    image = np.random.default_rng(0).standard_normal((2, 3, 12, 12)).astype(np.float32)
    got, expected = Explainer(report.path).run(image, [1, 2]), reference.explain(module, image, [1, 2], ["first"])
    assert reference.relative_error(got.scores, expected.scores) < 1e-5
    assert reference.relative_error(got.gradients["first"], expected.gradients["first"]) < 1e-5


SMALL = {
    "Add": ("l = Add(c, e)", 1e-10),
    "Sub": ("l = Sub(c, e)", 1e-9),
    "Mul": ("l = Mul(c, e)", 1 + 9e-6),
    "Div": ("l = Div(c, e)", 1 + 9e-6),
    "sum under a fraction": ("m = Max(c, z) s = Add(e, m) l = Div(m, s)", 1e-9),
}


@pytest.mark.parametrize("kind", SMALL)
def test_a_small_number_stays(kind: str) -> None:
    """What is nearly zero or one is not: it keeps logarithms and fractions finite."""
    nodes, number = SMALL[kind]
    given = model(
        f"g (float[N,3] x) => (float[N,3] l) {{ c = Relu(x) {nodes} }}",
        e=np.asarray(number, np.float32),
        z=np.zeros((), np.float32),
    )
    image = np.asarray([[0, 0.5, 3]], np.float32)
    expected = onnx.reference.ReferenceEvaluator(given).run(None, {"x": image})[0]
    simplified = ir.from_proto(given)
    simplify(simplified)
    got = onnx.reference.ReferenceEvaluator(ir.to_proto(simplified)).run(None, {"x": image})[0]
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("operator", "number"), [("Add", 0), ("Sub", 0), ("Mul", 1), ("Div", 1)])
def test_what_changes_nothing_is_left_out(operator: str, number: float) -> None:
    text = f"g (float[N,3] x) => (float[N,3] y) {{ c = Relu(x) d = {operator}(c, e) y = Exp(d) }}"
    simplified = ir.from_proto(model(text, e=np.asarray(number, np.float32)))
    simplify(simplified)
    assert [node.op_type for node in simplified.graph] == ["Relu", "Exp"]
