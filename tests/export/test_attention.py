"""Attention after convolutions, as PyTorch exports it with the batch first and with the batch second, by autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
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


class Windows(nn.Module):
    """Attention over the places of windows, [N, windows, heads, places, channels]: five axes, or heads in the batch."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.attention, self.head = nn.Linear(8, 24), nn.Linear(8, 5)
        self.kind = kind
        bias, seen = torch.randn(4, 4), torch.rand(4, 4) > 0.3
        seen.fill_diagonal_(fill_value=True)
        self.mask = {"biased": bias, "masked": seen}.get(kind)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        tokens = self.body(image).unflatten(2, (3, 2)).unflatten(4, (3, 2)).permute(0, 2, 4, 3, 5, 1).flatten(3, 4)
        q, k, v = self.attention(tokens.flatten(1, 2)).unflatten(3, (3, 2, 4)).permute(3, 0, 1, 4, 2, 5)
        if self.kind == "in the batch":
            q, k, v = q.flatten(0, 2), k.flatten(0, 2), v.flatten(0, 2)
        causal, scale = self.kind == "causal", 0.3 if self.kind == "scaled" else None
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, self.mask, is_causal=causal, scale=scale)
        return self.head(mixed.reshape(-1, 9, 2, 4, 4).transpose(2, 3).flatten(3).mean((1, 2)))


@pytest.mark.parametrize("kind", ["plain", "biased", "masked", "causal", "scaled", "in the batch"])
def test_attention_of_any_number_of_axes_equals_autograd(kind: str, tmp_path: Path) -> None:
    network = Windows(kind).eval()
    report = export(network, tmp_path / "out.onnx", input_shape=(3, 12, 12), layers="body")
    images = np.random.default_rng(0).standard_normal((2, 3, 12, 12)).astype(np.float32)
    assert_explains(Explainer(report.path), network, images, "body", 1e-5)


@pytest.mark.filterwarnings("ignore")
def test_the_operator_attention_of_a_file_equals_autograd(tmp_path: Path) -> None:
    """PyTorch writes it from opset 23 on."""
    network = Hybrid(attention("layer", batch_first=True), batch_first=True).eval()
    batch = ({0: torch.export.Dim("batch")},)
    file = tmp_path / "attention.onnx"
    given = (torch.zeros(2, 3, 24, 24),)
    torch.onnx.export(network, given, file, dynamo=True, opset_version=23, dynamic_shapes=batch, verbose=False)
    assert "Attention" in {node.op_type for node in onnx.load(file).graph.node}
    report = export(file, tmp_path / "out.onnx", layers={"body": "max_pool2d"})
    images = np.random.default_rng(0).standard_normal((2, 3, 24, 24)).astype(np.float32)
    assert_explains(Explainer(report.path), network, images, "body", 1e-5)
