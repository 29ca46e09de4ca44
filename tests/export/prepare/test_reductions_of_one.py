"""Files for one image that reduce over their batch of one: each of several targets has its own gradient."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from onnxcam import Explainer
from onnxcam_export import ParityError, ScoreError, export
from onnxcam_export.analyse import forward

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Mix = Callable[[torch.Tensor], torch.Tensor]


class Network(nn.Module):
    def __init__(self, mix: Mix) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3), nn.Linear(6, 5)
        self.mix = mix

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        mixed = self.mix(self.first(image).relu())
        return self.head(self.second(mixed).relu().mean((2, 3)))

    def as_file(self) -> onnx.ModelProto:
        """As PyTorch's older exporter writes it, with a batch of one."""
        file = io.BytesIO()
        torch.onnx.export(self.eval(), (torch.zeros(1, 3, 10, 10),), file, dynamo=False, opset_version=17)
        return onnx.load_from_string(file.getvalue())


REDUCING: dict[str, Mix] = {
    "mean": lambda x: x - x.mean(),
    "range": lambda x: (x - x.min()) / (x.max() - x.min() + 1e-6),
    "standardised": lambda x: (x - x.mean()) / x.std(),
    "norm, of all elements in a row": lambda x: x / x.norm(),
    "gate": lambda x: x * torch.sigmoid(3 * x.mean() + 0.1),
    "at least": lambda x: x / x.abs().mean().clamp(min=0.1),
    "not far below the largest": lambda x: x.clamp(min=x.max() - 0.9),
    "mask": lambda x: torch.where(x > x.mean(), x, torch.zeros_like(x)),
    "batch alone": lambda x: x * torch.sigmoid(x.amax(0, keepdim=True)),
    "batch and places": lambda x: (
        (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), keepdim=True) + 1e-5).sqrt()
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", REDUCING)
def test_a_reduction_over_a_batch_of_one_has_a_gradient_of_each_target(kind: str, tmp_path: Path) -> None:
    network, path = Network(REDUCING[kind]), tmp_path / "out.onnx"
    report = export(network.as_file(), path, input_gradient="plain")
    assert report.metadata.image.batch == 1
    image, targets = np.random.default_rng(0).standard_normal((1, 3, 10, 10)).astype(np.float32), [3, 0, 4]
    got = Explainer(path).run(image, targets).input_gradient()
    for row, target in enumerate(targets):
        x = torch.from_numpy(image).requires_grad_()
        network(x)[0, target].backward()
        assert x.grad is not None
        np.testing.assert_allclose(got[row], x.grad[0], atol=1e-5 * float(x.grad.abs().max()))


MIXING: dict[str, Mix] = {
    "Softmax": lambda x: x * x.softmax(0),
    "CumSum": lambda x: x.cumsum(0),
    "LayerNormalization": lambda x: nn.functional.layer_norm(x, x.shape),
}
LOST: dict[str, Mix] = {
    "Gather": lambda x: x * x[0].mean(),  # the mean of [C, h, w]
    "the model": lambda x: (x.flatten(1) @ x.flatten(1).T).softmax(-1).unsqueeze(2).unsqueeze(3) * x,  # [N, N]
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("operator", [*MIXING, *LOST])
def test_other_operators_along_a_batch_of_one_are_refused(operator: str, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=f"^{operator} .*computes along the batch, .* not supported"):
        export(Network((MIXING | LOST)[operator]).as_file(), tmp_path / "out.onnx")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("operator", MIXING)
def test_without_that_the_rows_of_several_targets_are_found_mixed(
    operator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "require_apart", lambda *_: None)
    with pytest.raises(ParityError, match="each target's row alone differs"):
        export(Network(MIXING[operator]).as_file(), tmp_path / "out.onnx")
