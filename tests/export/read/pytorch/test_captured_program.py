"""Programs that PyTorch captured: weights named like values, squeeze() of the batch, batch norms in training mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from onnxcam_export import SourceError, export
from support import reference
from support.networks import small

if TYPE_CHECKING:
    from pathlib import Path


class Normalised(nn.Module):
    """Has a buffer whose name may be that of a value in the program."""

    def __init__(self, name: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.inner, self.name = small(), name
        self.register_buffer(name, torch.tensor([0.4, 0.5, 0.6], dtype=dtype)[:, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner((x - getattr(self, self.name)).float())


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("mean", torch.float32), ("mean", torch.float64), ("relu", torch.float32), ("linear", torch.float32)],
)
def test_weights_named_like_values(tmp_path: Path, explain: Any, images: Any, name: str, dtype: torch.dtype) -> None:
    module = Normalised(name, dtype)
    report = export(module, tmp_path / "out.onnx", input_shape=(3, 16, 16), layers="inner.relu")
    expected = reference.explain(module, images(2), [3, 1], ["inner.relu"])
    got = explain(report, images(2), [3, 1])
    assert reference.relative_error(got.scores, expected.scores) < 1e-5
    assert reference.relative_error(got.guided, expected.guided) < 1e-5


class Squeezed(nn.Module):
    """Its scores lose the batch when there is one image."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU())
        self.head = nn.Conv2d(8, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).mean((2, 3), keepdim=True)).squeeze()


@pytest.mark.parametrize("classes", [1, 5])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("captured", [False, True])
def test_squeeze_keeps_the_batch(
    tmp_path: Path, explain: Any, images: Any, classes: int, count: int, captured: bool
) -> None:
    torch.manual_seed(0)
    module: Any = Squeezed(classes).eval()
    batch = torch.export.Dim("n", min=1, max=64)
    source = module
    if captured:
        source = torch.export.export(module, (torch.zeros(2, 3, 16, 16),), dynamic_shapes=({0: batch},))
    shape = None if captured else (3, 16, 16)
    report = export(source, tmp_path / "out.onnx", input_shape=shape, layers="features")
    assert "squeeze() keeps the batch" in str(report)
    got = explain(report, images(count), [0] * count)
    x = torch.from_numpy(images(count)).requires_grad_()
    scores = module(x).reshape(count, classes)
    layer = module.features(x)
    rows = module.head(layer.mean((2, 3), keepdim=True)).reshape(count, classes)
    (gradients,) = torch.autograd.grad(rows[:, 0].sum(), layer)
    np.testing.assert_allclose(got.scores, scores.detach().numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(got.gradients["features"], gradients.numpy(), rtol=1e-4, atol=1e-7)


def test_a_program_is_not_changed(tmp_path: Path) -> None:
    batch = torch.export.Dim("n", min=1, max=64)
    module = Squeezed(5).eval()
    program = torch.export.export(module, (torch.zeros(2, 3, 16, 16),), dynamic_shapes=({0: batch},))
    before = str(program.graph)
    export(program, tmp_path / "out.onnx")
    assert str(program.graph) == before


class Trains(nn.Module):
    """Its batch norm stays in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.body = small()

    def train(self, mode: bool = True) -> Trains:
        super().train(mode)
        self.body.stem[1].train()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


@pytest.mark.parametrize("captured", [False, True])
def test_batch_norms_in_training_mode(tmp_path: Path, captured: bool) -> None:
    module, shape = Trains().eval(), None if captured else (3, 16, 16)
    source = torch.export.export(module, (torch.zeros(2, 3, 16, 16),)) if captured else module
    with pytest.raises(SourceError, match=r"the batch norm 'body.stem.1' is in training mode"):
        export(source, tmp_path / "out.onnx", input_shape=shape)
