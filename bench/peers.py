"""The peers in PyTorch: same weights, same layer, same class, same threads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from bench.networks import LAYERS, TARGET, build, declare_torchvision_operators, image
from bench.onnx_side import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from bench.configurations import Configuration


def prepare(configuration: Configuration, threads: int) -> Prepared:
    """One explanation by a peer."""
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = configuration.precision == "tf32"
    start = time.perf_counter()
    model = _hookable(build(configuration.network).to(configuration.provider))
    x = torch.from_numpy(image(configuration.size, configuration.batch, configuration.precision))
    if configuration.precision == "float16":
        model = model.half()
    method = _METHODS[configuration.kind]
    run = method(model, model.get_submodule(LAYERS[configuration.network]), x.to(configuration.provider))
    facts = {"creation": time.perf_counter() - start}
    return Prepared(run if configuration.provider == "cpu" else _synchronised(run), facts)


def _hookable(model: nn.Module) -> nn.Module:
    """The model with nothing computed in place, so that hooks and replaced rules see what they should."""
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]  # torch types attributes as tensors or modules
    return model


def _synchronised(run: Callable[[], Any]) -> Callable[[], Any]:
    def synchronised() -> None:
        run()
        torch.cuda.synchronize()

    return synchronised


def _captum_guided_grad_cam(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    """Its guided rule knows ``nn.ReLU`` only: ReLU6 and functional calls keep their plain gradient."""
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
    """One forward and one backward pass, to the input and to the layer: the plain gradient, by hand."""
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
