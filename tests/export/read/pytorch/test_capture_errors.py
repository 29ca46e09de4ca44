"""Each frequent reason of PyTorch's not to capture a module has a sentence of its own, and nothing else is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from onnxcam_export import SourceError, export

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Odd(nn.Module):
    """A network with something in its forward pass."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.features, self.function = nn.Conv2d(3, 5, 3), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.features(x).mean((2, 3)))


def branching(y: torch.Tensor) -> torch.Tensor:
    return y * 2 if y.sum() > 0 else y


def looping(y: torch.Tensor) -> torch.Tensor:
    return torch.stack([row * 2 for row in y])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (branching, r"its code branches on the values of a tensor \(an if, an assert, a loop\)"),
        (looping, r"works for one number of images alone; take the number from x.shape\[0\] instead of len\(x\)"),
        (lambda y: y + torch.zeros(len(y), 5), "works for one number of images alone"),
        (lambda y: torch.from_numpy(np.clip(y.detach().numpy(), 0, 1)), r"forward\(\) leaves PyTorch, as .numpy\(\)"),
        (lambda y: y.cumprod(1), "has no ONNX form of the operator prims.prod, so it is not supported"),
        (
            lambda y: torch.fake_quantize_per_tensor_affine(y, 0.1, 0, 0, 255),
            "no ONNX form of the operator aten.fake_quantize_per_tensor_affine",
        ),
    ],
)
def test_frequent_reasons(tmp_path: Path, capfd: Any, function: Callable[..., torch.Tensor], words: str) -> None:
    with pytest.raises(SourceError, match=words):
        export(Odd(function), tmp_path / "out.onnx", input_shape=(3, 8, 8))
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_what_is_no_tensor_is_left_out(tmp_path: Path) -> None:
    module = Odd(lambda y: y)
    module.register_forward_hook(lambda _module, _arguments, scores: {"scores": scores, "name": "net", "count": 5})
    report = export(module, tmp_path / "out.onnx", input_shape=(3, 8, 8), score_output="scores")
    assert report.metadata.classes == 5
    assert len(module._forward_hooks) == 1
