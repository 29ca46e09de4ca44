"""Signals [N, C, L] and volumes [N, C, D, H, W], as programs and as files, against PyTorch's autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 — the name everybody gives it
from torch import nn

from onnx_text import model
from onnxcam import Explainer
from onnxcam.errors import ModelError
from onnxcam_export import export
from support import reference
from support.models import exported_plainly, randomised

if TYPE_CHECKING:
    from pathlib import Path

SIGNAL, VOLUME = (2, 40), (2, 10, 12, 8)
INTERPOLATIONS = {SIGNAL: "linear", VOLUME: "trilinear"}
LAYOUTS = {SIGNAL: "NCL", VOLUME: "NCDHW"}


def network(shape: tuple[int, ...], pooled: int = 1) -> nn.Sequential:
    """A convolution, normalisation, pooling by windows, a second convolution, and averaging to ``pooled`` places."""
    rank = len(shape) - 1
    conv, norm, window, average = (
        getattr(nn, f"{name}{rank}d") for name in ("Conv", "BatchNorm", "MaxPool", "AdaptiveAvgPool")
    )
    layers = [conv(2, 6, 3, padding=1), norm(6), nn.ReLU(), window(2), conv(6, 8, 3, padding=1, stride=1), nn.ReLU()]
    torch.manual_seed(0)
    return randomised(nn.Sequential(*layers, average(pooled), nn.Flatten(), nn.Linear(8 * pooled**rank, 3)))


def program(module: nn.Module, shape: tuple[int, ...]) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1, max=64)
    return torch.export.export(module, (torch.rand(2, *shape),), dynamic_shapes=({0: batch},))


def source(kind: str, module: nn.Module, shape: tuple[int, ...], folder: Path) -> Any:
    return program(module, shape) if kind == "program" else exported_plainly(module, shape, folder / "net.onnx")


@pytest.mark.parametrize("kind", ["program", "file"])
@pytest.mark.parametrize("shape", [SIGNAL, VOLUME], ids=["signal", "volume"])
def test_maps_and_gradients_are_autograd_s(shape: tuple[int, ...], kind: str, tmp_path: Path) -> None:
    module = network(shape)
    report = export(source(kind, module, shape, tmp_path), tmp_path / "out.onnx")
    image = report.metadata.image
    assert (image.layout, image.shape, image.places) == (LAYOUTS[shape], shape, shape[1:])
    assert report.metadata.preprocessing is None
    (layer,) = report.metadata.layers
    assert layer.shape == (8, *(size // 2 for size in shape[1:]))
    explainer = Explainer(report.path)
    images = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    for batch, target in ((images, [1, 2]), (images[:1], [0, 2])):
        got, expected = explainer.run(batch, target), reference.explain(module, batch, target, ["5"])
        a, g = expected.activations["5"], expected.gradients["5"]
        assert reference.relative_error(got.activations[layer.name], a) < 1e-5
        assert reference.relative_error(got.gradients[layer.name], g) < 1e-5
        assert reference.relative_error(got.guided_backprop(), expected.guided) < 1e-5
        places = tuple(range(2, a.ndim))
        maps = np.maximum((g.mean(places, keepdims=True) * a).sum(1), 0)
        np.testing.assert_allclose(got.grad_cam(), maps, rtol=1e-4, atol=1e-6)
        for interpolation, name in (("bilinear", INTERPOLATIONS[shape]), ("nearest", "nearest")):
            large = F.interpolate(torch.from_numpy(maps)[:, None], size=shape[1:], mode=name).numpy()
            product = got.guided_grad_cam(interpolation=interpolation)
            np.testing.assert_allclose(product, expected.guided * large, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("shape", [SIGNAL, VOLUME], ids=["signal", "volume"])
@pytest.mark.parametrize("pooled", [2, 3])
def test_adaptive_pooling_to_several_places(shape: tuple[int, ...], pooled: int, tmp_path: Path) -> None:
    report = export(program(network(shape, pooled), shape), tmp_path / "out.onnx", layers="5")
    assert report.metadata.verification.errors["onnxcam.gradients/5"] < 1e-5


@pytest.mark.parametrize(("shape", "size"), [(SIGNAL, (640, 400)), (VOLUME, None)], ids=["signal", "volume"])
def test_an_explanation_is_drawn(shape: tuple[int, ...], size: Any, tmp_path: Path) -> None:
    explainer = Explainer(export(program(network(shape), shape), tmp_path / "out.onnx", verify=False).path)
    explanation = explainer.run(np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32))
    drawn = explanation.overlay()
    assert drawn.size == size or drawn.width / drawn.height == pytest.approx((8 + 8 + 12) / 12, rel=0.02)
    assert explanation.save(tmp_path / "out.png").exists()
    with pytest.raises(ModelError, match=f"takes a {explanation.metadata.image.kind}, not images; give tensors to"):
        explainer.explain(np.zeros((8, 8, 3), np.uint8))


def test_a_signal_with_its_channels_last(tmp_path: Path) -> None:
    text = """g (float[N,40,2] x) => (float[N,3] y) {
        t = Transpose <perm = [0, 2, 1]> (x)
        c = Conv <pads = [1, 1]> (t, w1)
        r = Relu(c)
        p = GlobalAveragePool(r)
        f = Flatten(p)
        y = MatMul(f, w2)
    }"""
    report = export(model(text, w1=(4, 2, 3), w2=(4, 3)), tmp_path / "out.onnx")
    assert (report.metadata.image.layout, report.metadata.image.places) == ("NLC", (40,))
    assert report.metadata.layers[0].name == "r"
    explanation = Explainer(report.path).run(np.random.default_rng(0).standard_normal((1, 40, 2)).astype(np.float32))
    large = np.repeat(explanation.grad_cam()[..., None], 2, -1)
    np.testing.assert_allclose(explanation.guided_grad_cam(), explanation.guided_backprop() * large, rtol=1e-5)
