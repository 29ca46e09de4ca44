"""With any of the optimisations left out, an artifact's outputs are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from onnxcam_export.assemble.outputs import Form
from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.differentiate.tables import InputGradient
from onnxcam_export.graph.optimisations import ALL, Optimisation
from onnxcam_export.pipeline import Plan, run

if TYPE_CHECKING:
    from pathlib import Path


class Everything(nn.Module):
    """A network in which every optimisation has something to do."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU())
        self.grow = nn.ModuleList(nn.Conv2d(16 + 8 * index, 8, 3, padding=1) for index in range(3))
        self.down = nn.Sequential(nn.Conv2d(40, 32, 3, stride=2, padding=1), nn.ReLU())
        self.pointwise = nn.Sequential(nn.Conv2d(32, 16, 1, stride=2), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(256, 1200), nn.ReLU(), nn.Linear(1200, 8), nn.ReLU())
        self.last = nn.Parameter(torch.randn(8, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [self.stem(x)]
        for convolution in self.grow:
            maps.append(torch.relu(convolution(torch.cat(maps, 1))))
        return self.head(self.pointwise(self.down(torch.cat(maps, 1))).flatten(1)) @ self.last


def outputs(optimisations: frozenset[Optimisation], path: Path) -> tuple[dict[str, Any], bytes]:
    import onnxruntime  # noqa: PLC0415 — patched to one thread by then

    torch.manual_seed(0)
    plan = Plan(InputGradient.of("guided"), PLAIN, optimisations)
    run(plan, Everything().eval(), path, input_shape=(3, 16, 16), layers=["stem"], verified=False, form=Form(flat=True))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    image = np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32)
    feeds = {"x": image, "onnxcam.target": np.array([1, 3])}
    return dict(zip(names, session.run(names, feeds), strict=True)), path.read_bytes()


@pytest.fixture(scope="module")
def optimised(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], bytes]:
    return outputs(ALL, tmp_path_factory.mktemp("optimised") / "all.onnx")


@pytest.mark.parametrize("left_out", Optimisation)
def test_any_of_them_may_be_left_out(
    left_out: Optimisation, optimised: tuple[dict[str, Any], bytes], tmp_path: Path
) -> None:
    expected, file = optimised
    got, other = outputs(ALL - {left_out}, tmp_path / "without.onnx")
    assert other != file  # it had something to do
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
