"""Models to export: torchvision beside any PyTorch, and random weights under which no layer is trivial."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from pathlib import Path


def declare_torchvision_operators() -> None:
    """Lets torchvision be imported beside a PyTorch that its compiled operators were not built for.

    It registers fake implementations of two of them when it is imported, which fails where they were never declared. No
    classification network uses them.
    """
    for name, arguments in (
        ("nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
        ("qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
    ):
        if not hasattr(torch.ops.torchvision, name):
            _LIBRARY.define(f"{name}{arguments}")


_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in evaluation mode, with batch-norm statistics and scales that are not those of initialisation.

    Freshly made, every batch norm is the identity, residual branches can be scaled by nothing (layer scale of 1e-6,
    zero gamma), and biases and some heads are zero: an export that lost any of these would go unnoticed.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor: torch.Tensor, low: float, high: float) -> None:
        tensor.data.copy_(torch.empty(tensor.shape).uniform_(low, high, generator=generator))

    for submodule in module.modules():
        if isinstance(submodule, nn.modules.batchnorm._BatchNorm):
            if submodule.running_mean is not None and submodule.running_var is not None:
                uniform(submodule.running_mean, -0.3, 0.3)
                uniform(submodule.running_var, 0.6, 1.6)
            if submodule.affine:
                uniform(submodule.weight, 0.7, 1.4)
                uniform(submodule.bias, -0.3, 0.3)
    for name, parameter in module.named_parameters():
        scale = any(part in name for part in ("layer_scale", "gamma")) and parameter.abs().max() < 0.1
        if scale:
            uniform(parameter, 0.1, 0.5)
        elif (name.endswith("bias") or parameter.ndim > 1) and not parameter.any():
            uniform(parameter, -0.1, 0.1)
    return module.eval()


def written(
    module: nn.Module, size: int | tuple[int, ...], path: Path, *, newer: bool = True, batch: int | None = None
) -> Path:
    """The module by one of PyTorch's exporters, with any batch or a fixed one; of [N, *size] or [N, 3, size, size]."""
    shape = (3, size, size) if isinstance(size, int) else size
    options: dict[str, Any] = {"dynamo": newer, "verbose": False}
    if newer:
        options |= {"external_data": False}
        options |= {} if batch else {"dynamic_shapes": ({0: torch.export.Dim("batch", min=1)},)}
    else:
        options |= {"input_names": ["x"], "output_names": ["y"]}
        options |= {} if batch else {"dynamic_axes": {"x": {0: "batch"}, "y": {0: "batch"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' own deprecations
        torch.onnx.export(module, (torch.zeros(batch or 2, *shape),), path, **options)
    return path
