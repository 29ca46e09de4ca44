"""Networks with recurrent layers after their convolutions, against PyTorch's autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from onnxcam_export import export

if TYPE_CHECKING:
    from pathlib import Path


class Crnn(nn.Module):
    """A spectrogram network."""

    def __init__(self, kind: Any, **options: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU())
        self.recurrent = kind(8 * 8, 6, batch_first=True, **options)
        self.head = nn.Linear(12 if options.get("bidirectional") else 6, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        steps = self.body(image).permute(0, 3, 1, 2).flatten(2)
        return self.head(self.recurrent(steps)[0][:, -1])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"num_layers": 2}])
def test_they_are_exported_and_verified(kind: Any, options: dict[str, Any], tmp_path: Path) -> None:
    report = export(Crnn(kind, **options).eval(), tmp_path / "out.onnx", input_shape=(1, 16, 24))
    assert report.metadata.verification is not None
    errors = report.metadata.verification.errors
    assert {"onnxcam.scores", "onnxcam.guided_gradients"} <= errors.keys()
    assert any(name.startswith("onnxcam.gradients/") for name in errors)
    assert max(errors.values()) < 1e-4
