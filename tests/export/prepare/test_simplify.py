"""What simplifying must not lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from onnxcam import Explainer
from onnxcam_export import export
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
