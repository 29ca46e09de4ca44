"""Exported networks of several kinds: permuting the file's weights changes forward pass and gradient alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from torch import nn

import onnxcam
from onnxcam.artifact.weights import weighted_layers
from onnxcam.sanity.randomised import randomised_copy
from onnxcam_export import export
from support.models import randomised, written
from support.networks import Small

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 16
SHAPE = (3, SIZE, SIZE)


class Gated(nn.Module):
    """A depthwise convolution, squeeze and excitation, SiLU, and a head of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        squeeze, excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), squeeze, nn.SiLU(), excite, nn.Sigmoid())
        self.head = nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.silu(self.depthwise(nn.functional.silu(self.stem(x))))
        return self.head((x * self.gate(x)).mean((2, 3)))


class Attending(nn.Module):
    """Patches, one block of self-attention, and a mean over the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, 4)
        self.qkv, self.out = nn.Linear(12, 36), nn.Linear(12, 12)
        self.mlp = nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12))
        self.head = nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        t = self.patches(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(t).chunk(3, -1)
        t = t + self.out((q @ k.transpose(1, 2) / 12**0.5).softmax(-1) @ v)
        return self.head((t + self.mlp(t)).mean(1))


NETWORKS = {"small": (Small, 4), "gated": (Gated, 6), "attending": (Attending, 6)}


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_is_found_and_the_gradient_follows_each(tmp_path: Path, name: str, flat: bool) -> None:
    network, layers = NETWORKS[name]
    torch.manual_seed(0)
    path = tmp_path / "m.onnx"
    layer = "patches" if name == "attending" else None
    export(
        randomised(network()).eval(),
        path,
        input_shape=SHAPE,
        layers=layer and [layer],
        input_gradient="plain",
        flat=flat,
        verify=False,
    )
    assert len(weighted_layers(path)) == layers
    generator = np.random.default_rng(0)
    image = generator.normal(size=(1, *SHAPE)).astype(np.float32)
    with randomised_copy(path) as copy:
        before = onnxcam.Explainer(copy.path).run(image, 2)
        for depth in range(1, layers + 1):
            copy.randomise(depth)
            explainer = onnxcam.Explainer(copy.path)
            explanation = explainer.run(image, 2)
            assert not np.allclose(explanation.scores, before.scores, rtol=1e-5, atol=0)
            gradient = explanation.input_gradient()[0]
            # Along the gradient itself, the score rises by its squared norm.
            step = np.float32(1e-2) * gradient / np.linalg.norm(gradient)
            up, down = (explainer.run(image + sign * step, 2, level=0).scores[0, 2] for sign in (1, -1))
            assert (up - down) / 2 == pytest.approx(float(np.sum(gradient * step)), rel=2e-2)
            before = explanation


class _Noise(CalibrationDataReader):
    def __init__(self, name: str) -> None:
        rows = np.random.default_rng(0).normal(size=(4, 1, *SHAPE)).astype(np.float32)
        self.rows = iter([{name: row} for row in rows])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.rows, None)


@pytest.mark.filterwarnings("ignore")
def test_weights_of_eight_bits_are_permuted_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain, quantised, path = tmp_path / "plain.onnx", tmp_path / "int8.onnx", tmp_path / "m.onnx"
    written(randomised(Small()).eval(), SIZE, plain)
    name = onnx.load(plain).graph.input[0].name
    quantize_static(plain, quantised, _Noise(name), quant_format=QuantFormat.QDQ)
    export(quantised, path, verify=False)
    layers = weighted_layers(path)
    assert len(layers) == 4
    assert {weight.itemsize for layer in layers for copies in layer.weights for weight in copies} == {1}
    image = np.random.default_rng(1).normal(size=(1, *SHAPE)).astype(np.float32)
    before = onnxcam.Explainer(path).run(image)
    with randomised_copy(path) as copy:
        copy.randomise(1)
        after = onnxcam.Explainer(copy.path).run(image, int(before.class_index[0]))
    (layer,) = before.gradients
    assert not np.allclose(after.scores, before.scores)
    assert not np.allclose(after.gradients[layer], before.gradients[layer])
    np.testing.assert_array_equal(after.activations[layer], before.activations[layer])
