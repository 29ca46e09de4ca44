"""Attention after convolutions, as PyTorch exports it with the batch first and with the batch second, by autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from onnxcam import Explainer
from onnxcam_export import export
from support.reference import assert_explains

if TYPE_CHECKING:
    from pathlib import Path


class Hybrid(nn.Module):
    """A convolutional network whose map is read as tokens."""

    def __init__(self, attention: nn.Module, *, batch_first: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(2))
        self.attention = attention
        self.head = nn.Linear(16, 5)
        self.batch_first = batch_first

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        tokens = self.body(image).flatten(2).permute((0, 2, 1) if self.batch_first else (2, 0, 1))
        if isinstance(self.attention, nn.MultiheadAttention):
            tokens = self.attention(tokens, tokens, tokens)[0]
        else:
            tokens = self.attention(tokens)
        return self.head(tokens.mean(1 if self.batch_first else 0))


def attention(kind: str, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    if kind == "attention":
        return nn.MultiheadAttention(16, 4, **options)
    layer = nn.TransformerEncoderLayer(16, 4, 32, norm_first=kind != "layer", **options)
    return layer if kind == "layer" else nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


@pytest.mark.parametrize("kind", ["attention", "layer", "encoder"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_it_equals_autograd(kind: str, batch_first: bool, tmp_path: Path) -> None:
    network = Hybrid(attention(kind, batch_first=batch_first), batch_first=batch_first).eval()
    report = export(network, tmp_path / "out.onnx", input_shape=(3, 24, 24), layers="body")
    images = np.random.default_rng(0).standard_normal((2, 3, 24, 24)).astype(np.float32)
    assert_explains(Explainer(report.path), network, images, "body", 1e-5)
