"""Explanations by PyTorch, independent of the product: hooks on the module itself, and a guided rule around functions.

It shares with the export neither the program that PyTorch captured, nor the list of rectifiers found in it.
"""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 — the name everybody gives it
from torch import nn
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnxcam import Explainer

Array = np.ndarray[Any, Any]

# Every way to call a rectifier-like activation.
_RECTIFIERS = {
    F.relu,
    F.relu_,
    F.relu6,
    F.leaky_relu,
    F.leaky_relu_,
    F.prelu,
    F.elu,
    F.elu_,
    F.celu,
    F.celu_,
    F.selu,
    F.selu_,
    F.silu,
    F.hardswish,
    F.gelu,
    F.mish,
    torch.relu,
    torch.relu_,
    torch.celu,
    torch.selu,
    torch.prelu,
    torch.Tensor.relu,
    torch.Tensor.relu_,
}
# These rectify where they cut at zero: their lower bound is the second argument, or has one of these names.
_CLIPS = {F.hardtanh, F.hardtanh_, torch.clamp, torch.clip, torch.Tensor.clamp, torch.Tensor.clamp_, torch.Tensor.clip}


class _GuidedRule(torch.autograd.Function):
    """``relu(dy) * [x > 0]``, in front of the activation's own derivative."""

    @staticmethod
    def forward(ctx: Any, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return y.clone()

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None]:
        (x,) = ctx.saved_tensors
        return torch.where((dy > 0) & (x > 0), dy, torch.zeros_like(dy)), None


class GuidedBackpropagation(TorchFunctionMode):
    """Inside, every rectifier propagates by the guided rule."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not _rectifies(func, args, kwargs):
            return func(*args, **kwargs)
        x, *others = args or (kwargs.pop("input"),)
        before = x.detach().clone()
        return _GuidedRule.apply(func(x.clone(), *others, **kwargs), before)


def _rectifies(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    if func in _CLIPS:
        low = args[1] if len(args) > 1 else kwargs.get("min_val", kwargs.get("min"))
        return isinstance(low, int | float) and low == 0
    return func in _RECTIFIERS


@dataclass
class Answers:
    """What an artifact must answer at level 2, by PyTorch: arrays shaped as in the contract."""

    scores: Array
    activations: dict[str, Array]
    gradients: dict[str, Array]
    guided: Array


def explain(
    module: nn.Module,
    image: Array,
    target: Sequence[int],
    layers: Sequence[str] = (),
    *,
    dtype: torch.dtype = torch.float32,
) -> Answers:
    """The scores of a module, and one explanation for each image.

    Args:
        module: Returns the scores, or a tuple whose first item they are.
        image: [N, C, H, W].
        target: A class for each image; for one image, any number of classes.
        layers: Names of submodules.
        dtype: What it is computed in.
    """
    module = copy.deepcopy(module).eval().to(dtype)
    repeats = len(target) // len(image)
    x = torch.from_numpy(image).to(dtype).repeat_interleave(repeats, 0).requires_grad_()
    rows = torch.arange(len(target)), torch.as_tensor(target)
    with _outputs(module, layers) as activations:
        scores = _scores(module(x))
    gradients = torch.autograd.grad(scores[rows].sum(), [activations[layer] for layer in layers]) if layers else ()
    with GuidedBackpropagation():
        guided_scores = _scores(module(x))
    (guided,) = torch.autograd.grad(guided_scores[rows].sum(), x)
    count = len(image)
    return Answers(
        scores=scores.detach().numpy()[:count],
        activations={layer: activations[layer].detach().numpy()[:count] for layer in layers},
        gradients={layer: gradient.numpy() for layer, gradient in zip(layers, gradients, strict=True)},
        guided=guided.numpy(),
    )


def _scores(returned: Any) -> torch.Tensor:
    scores: torch.Tensor = returned if isinstance(returned, torch.Tensor) else returned[0]
    return scores.flatten(1)


@contextlib.contextmanager
def _outputs(module: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, torch.Tensor]]:
    """The outputs of submodules; of their last run, where they run several times."""
    kept: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
            kept[name] = output
            return output.clone()  # what follows may work in place

        return hook

    handles = [module.get_submodule(layer).register_forward_hook(keep(layer)) for layer in layers]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def assert_explains(explainer: Explainer, module: nn.Module, images: Array, layer: str, tolerance: float) -> None:
    """Compares scores, the gradient at a layer and the guided gradient of two images, and of one with three classes.

    Args:
        explainer: The artifact.
        module: What it was made from, with five classes.
        images: Two.
        layer: The layer, by the module's path.
        tolerance: The relative L2 error allowed for the gradients.
    """
    for image, target in ((images, [3, 1]), (images[:1], [0, 4, 2])):
        expected, got = explain(module, image, target, [layer]), explainer.run(image, target=target)
        np.testing.assert_allclose(got.scores, expected.scores, rtol=1e-4, atol=1e-5)
        pairs = ((got.gradients[layer], expected.gradients[layer]), (got.guided_backprop(), expected.guided))
        for value, wanted in pairs:
            assert np.linalg.norm(wanted) > 0
            assert np.linalg.norm(value - wanted) <= tolerance * np.linalg.norm(wanted)


def relative_error(value: Array, expected: Array) -> float:
    """``|value - expected| / |expected|`` in the L2 norm."""
    assert value.shape == expected.shape
    difference = np.linalg.norm(value.astype(np.float64) - expected)
    return float(difference / np.linalg.norm(expected.astype(np.float64)))


def cosine(value: Array, expected: Array) -> float:
    """The cosine of the angle between two arrays."""
    assert value.shape == expected.shape
    a, b = value.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
