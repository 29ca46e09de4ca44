"""The peers in PyTorch, with the same weights, layer, class and threads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from bench.networks import LAYERS, TARGET, build, declare_torchvision_operators, image

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from bench.configurations import Configuration
    from bench.onnx_side import Prepared


def prepare(configuration: Configuration, threads: int) -> Prepared:
    """An explanation by a peer."""
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = configuration.precision == "tf32"
    start = time.perf_counter()
    model = build(configuration.network).to(configuration.provider)
    for module in model.modules():
        if hasattr(module, "inplace"):  # hooks must see values that are not overwritten
            module.inplace = False  # type: ignore[assignment]  # torch types attributes as tensors or modules
    x = torch.from_numpy(image(configuration.size, configuration.batch, configuration.precision))
    if configuration.precision == "float16":
        model = model.half()
    method = _METHODS[configuration.kind]
    run = method(model, model.get_submodule(LAYERS[configuration.network]), x.to(configuration.provider))
    facts = {"creation": time.perf_counter() - start}
    if configuration.provider == "cpu":
        return run, facts

    def synchronised() -> None:
        run()
        torch.cuda.synchronize()

    return synchronised, facts


def _captum_guided_grad_cam(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    """Its guided rule applies to ``nn.ReLU`` only; ReLU6 and functional calls have their plain gradient."""
    from captum.attr import GuidedGradCam

    method = GuidedGradCam(model, layer)
    return lambda: method.attribute(x.detach().requires_grad_(), target=TARGET, interpolate_mode="bilinear")


def _captum_grad_cam(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    from captum.attr import LayerGradCam

    method = LayerGradCam(model, layer)
    return lambda: method.attribute(x, target=TARGET, relu_attributions=True)


def _grad_cam(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    declare_torchvision_operators()
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    method = GradCAM(model, [layer])
    return lambda: method(x, targets=[ClassifierOutputTarget(TARGET)] * len(x))


def _autograd(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    """One forward and one backward pass: the plain gradient at the input and at the layer."""
    model.requires_grad_(requires_grad=False)
    kept: list[torch.Tensor] = []
    layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output))

    def run() -> Any:
        kept.clear()
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(model(leaf)[:, TARGET].sum(), [leaf, kept[-1]])

    return run


_METHODS = {
    "captum-guided-grad-cam": _captum_guided_grad_cam,
    "captum-grad-cam": _captum_grad_cam,
    "grad-cam": _grad_cam,
    "autograd": _autograd,
}
