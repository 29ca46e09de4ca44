"""The peers in PyTorch: same weights, same layer, same class, same threads."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from bench.networks import LAYERS, TARGET, build, image, torchvision_models
from bench.onnx_side import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.configurations import Configuration


def prepare(configuration: Configuration, threads: int) -> Prepared:
    """One explanation by a peer."""
    torch.set_num_threads(threads)
    tf32 = configuration.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    device = torch.device(configuration.provider)
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # or the second round would compile nothing
    start = time.perf_counter()
    model = build(configuration.network).to(device)
    x = torch.from_numpy(image(configuration.size, configuration.batch, configuration.precision)).to(device)
    if configuration.precision == "float16":
        model = model.half()
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]  # hooks and replaced rules see what they should
    make = {
        "captum-guided-grad-cam": _captum_guided,
        "captum-grad-cam": _captum,
        "grad-cam": _grad_cam,
        "grad-cam-guided": _grad_cam_guided,
        "autograd": _autograd,
        "autograd-compiled": _compiled,
    }[configuration.kind]
    run = make(model, model.get_submodule(LAYERS[configuration.network]), x)
    facts: dict[str, Any] = {"creation": time.perf_counter() - start}
    if configuration.kind == "autograd-compiled":
        start = time.perf_counter()
        run()
        facts["compilation"] = time.perf_counter() - start
    return Prepared(run if device.type == "cpu" else _synchronised(run), None, facts)


def _synchronised(run: Callable[[], Any]) -> Callable[[], Any]:
    def synchronised() -> None:
        run()
        torch.cuda.synchronize()

    return synchronised


def _captum_guided(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    """Its guided rule knows ``nn.ReLU`` only: ReLU6 and functional calls keep their plain gradient."""
    from captum.attr import GuidedGradCam

    method = GuidedGradCam(model, layer)
    return lambda: method.attribute(x.detach().requires_grad_(), target=TARGET, interpolate_mode="bilinear")


def _captum(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    from captum.attr import LayerGradCam

    method = LayerGradCam(model, layer)
    return lambda: method.attribute(x, target=TARGET, relu_attributions=True)


def _grad_cam(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    torchvision_models()
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    method = GradCAM(model, [layer])
    return lambda: method(x, targets=[ClassifierOutputTarget(TARGET)] * len(x))


def _grad_cam_guided(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    grad_cam = _grad_cam(model, layer, x)
    from pytorch_grad_cam import GuidedBackpropReLUModel

    guided = GuidedBackpropReLUModel(model, x.device)

    def run() -> Any:
        maps = grad_cam()
        return np.stack([guided(row[None].detach(), TARGET) for row in x]) * maps[..., None]

    return run


def _autograd(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    """One forward and one backward pass, to the input and to the layer: the plain gradient, by hand."""
    model.requires_grad_(requires_grad=False)
    kept: list[torch.Tensor] = []
    layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output))

    def run() -> Any:
        kept.clear()
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(model(leaf)[:, TARGET].sum(), [leaf, kept[-1]])

    return run


def _compiled(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    """The same compiled. A zero added to the layer's output stands for it: compiled graphs show no inner values."""
    model.requires_grad_(requires_grad=False)
    with torch.no_grad():
        shapes: list[torch.Size] = []
        handle = layer.register_forward_hook(lambda _module, _inputs, output: shapes.append(output.shape))
        model(x)
        handle.remove()
    zero = nn.Parameter(torch.zeros(shapes[-1], dtype=x.dtype, device=x.device))
    layer.register_forward_hook(lambda _module, _inputs, output: output + zero)
    compiled = torch.compile(model)

    def run() -> Any:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(compiled(leaf)[:, TARGET].sum(), [leaf, zero])

    return run
