"""torchvision's segmentation networks, by region: where a class wins, and inside a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

import onnxcam
from onnxcam import targets
from onnxcam_export import export
from support import reference
from support.models import randomised

if TYPE_CHECKING:
    from pathlib import Path

# By network: a layer of its head, and one of its backbone.
NETWORKS = {
    "fcn_resnet50": ["classifier.2", "backbone.layer3"],
    "deeplabv3_resnet50": ["classifier.3", "backbone.layer2"],
    "lraspp_mobilenet_v3_large": ["classifier.cbr", "backbone.6"],
}
CLASSES, SIDE = 5, 64


class Regions(nn.Module):
    """The sums of a network's scores with given weights: a score for each region."""

    def __init__(self, module: nn.Module, weights: torch.Tensor) -> None:
        super().__init__()
        self.module = module
        self.register_buffer("weights", weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("nchw,rchw->nr", self.module(x)["out"], self.weights)


def network(name: str) -> nn.Module:
    from torchvision.models import segmentation  # noqa: PLC0415 — after conftest has declared its operators

    torch.manual_seed(0)
    return randomised(getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=CLASSES))


@pytest.mark.parametrize("name", NETWORKS)
def test_regions_are_those_of_autograd(name: str, tmp_path: Path) -> None:
    module = network(name)
    layers, path = NETWORKS[name], tmp_path / "out.onnx"
    export(module, path, input_shape=(3, SIDE, SIDE), score_output="out", layers=layers, verify=False)
    explainer = onnxcam.Explainer(path)
    image = np.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE)).astype(np.float32)
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[10:30, 20:50] = 1
    scores = explainer.run(image, targets.Element(0, 0, 0), level=0).scores[0]
    wins = int(np.bincount(scores.argmax(0).ravel()).argmax())
    got = explainer.run(image, [targets.Region(wins), targets.Region(2, mask)])
    weights = np.zeros((2, CLASSES, SIDE, SIDE), np.float32)
    weights[0, wins], weights[1, 2] = scores.argmax(0) == wins, mask
    assert 0 < weights[0].sum() < SIDE**2
    np.testing.assert_array_equal(got.region_of(0), weights[0, wins])
    regions, names = Regions(module, torch.from_numpy(weights)), [f"module.{name}" for name in layers]
    expected = reference.explain(regions, image, [0, 1], names, dtype=torch.float64)  # float32 flips masks: 1.5e-3
    for layer in layers:
        assert reference.relative_error(got.gradients[layer], expected.gradients[f"module.{layer}"]) < 1e-3
        assert got.map("layer-cam", layer).shape == (2, *got.gradients[layer].shape[2:])
    assert reference.relative_error(got.guided_backprop(), expected.guided) < 1e-2
    for row in range(2):
        assert got.explained(row).score == pytest.approx(float(expected.scores[0][row]), rel=1e-4)
