"""Networks whose functions PyTorch exports as scattering, sampling, masks or Fourier transforms, against autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional

from onnxcam import Explainer
from onnxcam_export import export
from support.reference import assert_explains
from support.reference import explain as by_autograd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TURNED = torch.tensor([[0.9, 0.2, 0.1], [-0.1, 0.8, -0.2]])


class Network(nn.Module):
    """Two convolutions, a function of the map, global pooling and a head."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.function = function
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.last = nn.Conv2d(8, 8, 3, 1, 1)
        self.head = nn.Linear(8, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = self.function(self.last(self.body(image)))
        return self.head(found.mean((2, 3)) if found.dim() == 4 else found)


class Aligned(nn.Module):
    """A spatial transformer, whose grid depends on the image."""

    def __init__(self) -> None:
        super().__init__()
        self.where = nn.Linear(8, 6)
        nn.init.normal_(self.where.weight, std=0.2, generator=torch.Generator().manual_seed(0))
        self.where.bias.data = TURNED.flatten()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grid = functional.affine_grid(self.where(x.mean((2, 3))).view(-1, 2, 3), list(x.shape), align_corners=False)
        return functional.grid_sample(x, grid, align_corners=False)


def sampled(**options: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    def function(x: torch.Tensor) -> torch.Tensor:
        grid = functional.affine_grid(TURNED.expand(x.shape[0], 2, 3), list(x.shape), align_corners=False)
        return functional.grid_sample(x, grid, align_corners=False, **options)

    return function


def scaled_by_thresholds(x: torch.Tensor) -> torch.Tensor:
    """Probabilities around a threshold of 0.4, as chest X-ray networks assign them."""
    p = torch.sigmoid(x.mean((2, 3)))
    threshold, scaled = torch.full((8,), 0.4).expand(p.shape[0], -1), torch.zeros_like(p)
    low = p < threshold
    scaled[low] = p[low] / (2 * threshold[low])
    scaled[~low] = 1 - (1 - p[~low]) / ((1 - threshold[~low]) * 2)
    return scaled


def divided_by_what_is_missing_to_one(x: torch.Tensor) -> torch.Tensor:
    """Divisions by ``1 - x`` and by differences, each assigned where it can be done; some images have no such place."""
    p, y = torch.sigmoid(x), torch.zeros_like(x)
    q = p * 0.5
    high = p > 0.6
    y[high] = (1 - p[high]) / (1 - q[high]) + q[high] / (p[high] - q[high])
    return y


def safely_divided(x: torch.Tensor) -> torch.Tensor:
    """A division that is assigned only where it can be done."""
    rectified, y = functional.relu(x), torch.zeros_like(x)
    y[rectified > 0] = torch.exp(-1 / rectified[rectified > 0])
    return y


def part_assigned(x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros_like(x)
    y[:, 1:4, :5] = x[:, 2:5, 1:6]
    return y


def channels_assigned(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, [1, 3]] = x[:, [0, 2]] * 2
    return y


def added_at_indices(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(x).index_add(1, torch.tensor([0, 2, 2]), x[:, :3])


FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "scatter": lambda x: x.scatter(2, x.argmax(2, keepdim=True), x.amin(2, keepdim=True)),
    "scatter_add": lambda x: torch.zeros_like(x).scatter_add(2, x.argmax(2, keepdim=True), x.amax(2, keepdim=True)),
    "index_add": added_at_indices,
    "assignment to a part": part_assigned,
    "assignment to channels": channels_assigned,
    "assignment by a mask": scaled_by_thresholds,
    "assignment by a mask that protects a division": safely_divided,
    "assignments of divisions by differences": divided_by_what_is_missing_to_one,
    "grid_sample": sampled(),
    "grid_sample, nearest, border": sampled(mode="nearest", padding_mode="border"),
    "spatial transformer": Aligned(),
    "cumsum": lambda x: x.cumsum(2),
    "prod": lambda x: (1 + x / 10).prod(2, keepdim=True),
    "threshold": lambda x: functional.threshold(x, 0.1, 0.5),
    "hardshrink": functional.hardshrink,
    "softshrink": functional.softshrink,
    "masked_fill": lambda x: x.masked_fill((x < 0.1) & ~(x > -0.2) | torch.isnan(x) | torch.isinf(x), -1.0),
    "mask of a comparison": lambda x: x * torch.logical_xor(x >= 0.1, x <= 0.3),
    "mask of the winners": lambda x: x * (x.argmax(1, keepdim=True) == torch.arange(8)[None, :, None, None]),
    "unfold": lambda x: functional.unfold(x, 3, padding=1, stride=2).view(x.shape[0], 8, 9, -1),
    "fold": lambda x: functional.fold(functional.unfold(x, 3, padding=1), x.shape[-2:], 3, padding=1),
    "fourier magnitudes": lambda x: torch.fft.rfft2(x).abs(),
    "fourier filter": lambda x: torch.fft.fft2(x).real,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_equals_autograd(name: str, tmp_path: Path) -> None:
    network = Network(FUNCTIONS[name]).eval()
    report = export(network, tmp_path / "out.onnx", input_shape=(3, 16, 16), layers="body")
    images = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)
    assert_explains(Explainer(report.path), network, images, "body", 2e-5)


def negatives_assigned(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[y < 0] = 0
    return y


# The function, and PyTorch's own name for it.
ACTIVATIONS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[torch.Tensor], torch.Tensor]]] = {
    "where": (lambda x: torch.where(x > 0, x, torch.zeros_like(x)), functional.relu),
    "where the other way round": (lambda x: torch.where(x <= 0, torch.zeros_like(x), x), functional.relu),
    "maximum": (lambda x: torch.maximum(x, torch.zeros_like(x)), functional.relu),
    "maximum with a number": (lambda x: torch.max(x, torch.tensor(0.0)), functional.relu),
    "product": (lambda x: x * (x > 0), functional.relu),
    "clamp": (lambda x: x.clamp(min=0), functional.relu),
    "masked_fill": (lambda x: x.masked_fill(x <= 0, 0.0), functional.relu),
    "assignment": (negatives_assigned, functional.relu),
    "half of a sum": (lambda x: (x + x.abs()) / 2, functional.relu),
    "threshold": (lambda x: functional.threshold(x, 0, 0), functional.relu),
    "leaky, where": (lambda x: torch.where(x > 0, x, 0.1 * x), lambda x: functional.leaky_relu(x, 0.1)),
    "leaky, product": (lambda x: x * ((x > 0) + 0.1 * (x <= 0)), lambda x: functional.leaky_relu(x, 0.1)),
    "ELU": (lambda x: torch.where(x > 0, x, torch.expm1(x)), functional.elu),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_by_computation_is_guided_as_the_function_is(name: str, tmp_path: Path) -> None:
    written, meant = ACTIVATIONS[name]
    report = export(Network(written).eval(), tmp_path / "out.onnx", input_shape=(3, 16, 16))
    images = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)
    expected = by_autograd(Network(meant).eval(), images, [3, 1]).guided
    got = Explainer(report.path).run(images, target=[3, 1]).guided_backprop()
    assert np.linalg.norm(got - expected) <= 1e-5 * np.linalg.norm(expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", [None, {"image": {0: "batch"}}])
def test_a_spatial_transformer_as_a_file_equals_autograd(batch: Any, tmp_path: Path) -> None:
    """PyTorch's older exporter writes AffineGrid."""
    network = Network(Aligned()).eval()
    file, image, options = tmp_path / "file.onnx", torch.zeros(1, 3, 16, 16), {"dynamic_axes": batch, "dynamo": False}
    torch.onnx.export(network, (image,), file, opset_version=20, input_names=["image"], **options)
    assert "AffineGrid" in {node.op_type for node in onnx.load(file).graph.node}
    report = export(file, tmp_path / "out.onnx", layers={"body": "/body/body.1/Relu_output_0"})
    images = np.random.default_rng(0).standard_normal((1 if batch is None else 2, 3, 16, 16)).astype(np.float32)
    assert_explains(Explainer(report.path), network, images, "body", 2e-5)
