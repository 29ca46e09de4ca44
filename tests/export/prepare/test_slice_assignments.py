"""Assignments to slices, as PyTorch's older exporter writes them, have autograd's gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from onnx_text import model
from onnxcam import Explainer
from onnxcam_export import export
from onnxcam_export.prepare.simplify import simplify
from support import reference
from support.models import randomised, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIDE = 12


class Network(nn.Module):
    def __init__(self, assign: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.head, self.assign = nn.Conv2d(3, 8, 3, stride=2), nn.Linear(8, 5), assign

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.assign(self.convolution(image).relu()).mean((2, 3)))  # [N, 8, 5, 5]


def inside(x: torch.Tensor) -> torch.Tensor:
    y = x * 2
    y[:, :, 1:4, 2:] = x[:, :, :3, :3] * x[:, :, 1:4, 2:]
    return y


def channels(x: torch.Tensor) -> torch.Tensor:
    y = x * 2
    y[:, 2:5] = x[:, 3:6].exp()
    return y


def a_column_and_all(x: torch.Tensor) -> torch.Tensor:
    y, z = x * 2, x * 1
    y[..., 1] = x[..., 0] * x[..., 2]
    z[:] = y * x
    return z


@pytest.mark.parametrize("batch", [None, 1])
@pytest.mark.parametrize("assign", [inside, channels, a_column_and_all])
def test_the_gradients_are_autograd_s(
    assign: Callable[[torch.Tensor], torch.Tensor], batch: int | None, tmp_path: Path
) -> None:
    module = randomised(Network(assign))
    file = written(module, SIDE, tmp_path / "in.onnx", newer=False, batch=batch)
    report = export(file, tmp_path / "out.onnx", layers="/Relu")
    generator = np.random.default_rng(0)
    image = generator.standard_normal((1, 3, SIDE, SIDE)).astype(np.float32)
    got = Explainer(report.path).run(image, [0, 2, 4])
    expected = reference.explain(module, image, [0, 2, 4], ["convolution"])
    masks = expected.activations["convolution"] > 0
    assert reference.relative_error(got.scores, expected.scores) < 1e-5
    assert reference.relative_error(got.gradients["/Relu"] * masks, expected.gradients["convolution"]) < 1e-4
    assert reference.relative_error(got.guided_backprop(), expected.guided) < 1e-4


TEXT = """g (float[2,4,3] x) => (float[2,4,3] y) {
    u = Slice(x, begin, end, axis) n = Neg(u) y = ScatterND(x, index, n)
}"""
GRID = np.stack(np.meshgrid([0, 1], [1, 2], [0, 1, 2], indexing="ij"), -1)


@pytest.mark.parametrize(
    ("index", "replaced"),
    [
        (GRID, True),
        (GRID[:, ::-1], False),  # backwards
        (GRID * [1, 2, 1] - [0, 1, 0], False),  # every other
        (GRID - [0, 4, 0], False),  # counted from the end
    ],
)
def test_only_slices_are_written_by_masks(index: np.ndarray, replaced: bool) -> None:
    given = ir.from_proto(model(TEXT, index=np.ascontiguousarray(index), begin=[1], end=[3], axis=[1]))
    simplify(given)
    assert ("Where" in [node.op_type for node in given.graph]) == replaced
