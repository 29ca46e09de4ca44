"""Modules of signals [N, C, L] and volumes [N, C, d, h, w], compared with PyTorch's autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from onnxcam_export import export
from support import reference


def network(places: int) -> nn.Module:
    convolution, norm, pool, adaptive = {
        1: (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AdaptiveAvgPool1d),
        3: (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d, nn.AdaptiveAvgPool3d),
    }[places]
    torch.manual_seed(0)
    stem = (convolution(2, 4, 3, padding=1), norm(4), nn.ReLU(), pool(2), convolution(4, 6, 3), nn.ReLU())
    return nn.Sequential(*stem, adaptive(1), nn.Flatten(), nn.Linear(6, 3)).eval()


@pytest.mark.parametrize("shape", [(2, 40), (2, 8, 10, 12)])
def test_the_explanations_are_autograds(shape, tmp_path, explain):
    module = network(len(shape) - 1)
    report = export(module, tmp_path / "m.onnx", input_shape=shape, layers="5")
    assert report.metadata.image.shape == shape
    assert report.metadata.preprocessing is None
    tensor = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    got, expected = explain(report, tensor, [2, 1]), reference.explain(module, tensor, [2, 1], ["5"])
    assert reference.relative_error(got.activations["5"], expected.activations["5"]) < 1e-5
    assert reference.relative_error(got.gradients["5"], expected.gradients["5"]) < 1e-5
    assert reference.relative_error(got.guided, expected.guided) < 1e-5
    assert got.grad_cam().shape == (2, *(size // 2 - 2 for size in shape[1:]))
