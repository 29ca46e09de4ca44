"""Where the batch of one goes that a Reshape merges with another axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from onnxcam import Explainer
from onnxcam_export import export
from support import reference
from support.models import randomised, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIDE = 12


class Network(nn.Module):
    """A convolution, something done to the places with the batch merged, and a head."""

    def __init__(self, merge: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 8, 3, stride=2)
        self.linear, self.more, self.head = nn.Linear(8, 8), nn.Linear(8, 24), nn.Linear(8, 5)
        self.merge = merge

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        maps = self.convolution(image).relu()  # [N, 8, 5, 5]
        return self.head(self.merge(self, maps.flatten(2).transpose(1, 2)).mean(1))  # [N, 25, 8]


def places_first(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """[25, N, 8] to the rows [25 N, 8], as PyTorch's attention writes its last product."""
    rows = x.transpose(0, 1).reshape(-1, 8)
    return module.linear(rows).reshape(25, -1, 8).transpose(0, 1) * x


def heads_in_the_batch(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """[25, N, 8] to [25, N 2, 4], as PyTorch's attention writes its heads."""
    q, k, v = (y.transpose(0, 1).reshape(25, -1, 4).transpose(0, 1) for y in module.more(x).chunk(3, -1))
    y = (q @ k.transpose(1, 2)).softmax(-1) @ v  # [N 2, 25, 4]
    return y.transpose(0, 1).reshape(25, -1, 8).transpose(0, 1)


def three_in_front(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """[3, N, 2, 25, 4] to [3, N 2, 25, 4], as SAM writes queries, keys and values."""
    qkv = module.more(x).reshape(-1, 25, 3, 2, 4).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.reshape(3, -1, 25, 4).unbind(0)
    y = (q @ k.transpose(1, 2)).softmax(-1) @ v
    return y.reshape(-1, 2, 25, 4).transpose(1, 2).reshape(-1, 25, 8)


def several_stacked(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """[1, N, 25, 8] twice, stacked on a new axis in front, as CrossViT averages its heads."""
    return torch.stack([module.linear(x), x * x], 0).mean(0)


@pytest.mark.parametrize("merge", [places_first, heads_in_the_batch, three_in_front, several_stacked])
def test_each_target_has_autograd_s_gradient(
    merge: Callable[[nn.Module, torch.Tensor], torch.Tensor], tmp_path: Path
) -> None:
    module = randomised(Network(merge))
    file = written(module, SIDE, tmp_path / "in.onnx", newer=False, batch=1)
    report = export(file, tmp_path / "out.onnx", layers="/Relu")
    assert report.metadata.image.batch == 1
    image = np.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE)).astype(np.float32)
    got = Explainer(report.path).run(image, [0, 2, 4])
    expected = reference.explain(module, image, [0, 2, 4], ["convolution"])
    masks = np.maximum(expected.activations["convolution"], 0) > 0
    assert reference.relative_error(got.scores, expected.scores) < 1e-5
    assert reference.relative_error(got.gradients["/Relu"] * masks, expected.gradients["convolution"]) < 1e-4
    assert reference.relative_error(got.guided_backprop(), expected.guided) < 1e-4
