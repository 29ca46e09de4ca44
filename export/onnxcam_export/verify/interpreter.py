"""Runs a captured PyTorch program with autograd, with other gradients at its rectifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from onnxcam_export.differentiate.rule import Treatment
from onnxcam_export.read.pytorch.captured_program import stops_at_detach

if TYPE_CHECKING:
    from collections.abc import Sequence

# The names of an activation's input and output in the program, and the kind of gradient there.
Rectifier = tuple[str, str, Treatment]


class Interpreter(torch.fx.Interpreter):
    """Runs a program node by node, keeps every value, and replaces the gradient at rectifiers.

    Attributes:
        values: Every value of the last run, by its name in the program.
        added: Numbers that are added to values, by their names.
    """

    def __init__(self, module: torch.fx.GraphModule, rectifiers: Sequence[Rectifier] = ()) -> None:
        """Takes a program, and the rectifiers whose gradient is another one."""
        super().__init__(module, garbage_collect_values=False)
        self.values: dict[str, torch.Tensor] = {}
        self.added: dict[str, torch.Tensor] = {}
        self._rectified = {y: (x, _TREATMENTS[treatment]) for x, y, treatment in rectifiers}
        self._stops = stops_at_detach(module.graph)
        self._double = any(parameter.dtype == torch.float64 for parameter in module.parameters())

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Calls a function, or the one that stands in for it."""
        if self._double and getattr(kwargs.get("dtype"), "is_floating_point", False):
            kwargs = {**kwargs, "dtype": torch.float64}  # casts in the program would lose precision
        function: Any = _REPLACED.get(target, target)
        if target is torch.ops.aten.detach.default and not self._stops:
            function = torch.ops.aten.alias.default
        return super().call_function(function, args, kwargs)

    def run_node(self, n: torch.fx.Node) -> Any:
        """Runs a node and keeps its value."""
        result = super().run_node(n)
        if n.name in self._rectified:
            x, treatment = self._rectified[n.name]
            result = treatment.apply(result, self.values[x])
        if n.name in self.added:
            result = result + self.added[n.name]
        self.values[n.name] = result
        return result


def _variance(a: torch.Tensor, dims: Sequence[int], correction: float = 1, **_: Any) -> torch.Tensor:
    return torch.var(a, tuple(dims), correction=correction)


def _broadcast_in_dim(a: torch.Tensor, shape: Sequence[int], broadcast_dimensions: Sequence[int]) -> torch.Tensor:
    placed = [1] * len(shape)
    for size, axis in zip(a.shape, broadcast_dimensions, strict=True):
        placed[axis] = size
    return a.reshape(placed).expand(tuple(shape))


def _copied(into: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    del non_blocking
    return source.to(into.dtype).expand_as(into)


# Some of PyTorch's functions are captured in a form without a derivative; others depend on strides.
_REPLACED = {
    torch.ops.prims.var.default: _variance,
    torch.ops.prims.broadcast_in_dim.default: _broadcast_in_dim,
    torch.ops.aten.copy.default: _copied,
    torch.ops.prims.convert_element_type.default: torch.Tensor.to,
    torch.ops.aten.view.default: torch.Tensor.reshape,  # with other strides, a view may be impossible
}


class _Guided(torch.autograd.Function):
    """The identity, with the gradient ``relu(dy) * [x > 0]``; applied to the output y of a rectifier with input x."""

    @staticmethod
    def forward(ctx: Any, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x > 0)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad_outputs[0].relu() * ctx.saved_tensors[0], None


class _Deconvnet(torch.autograd.Function):
    """The identity in y, with the gradient ``relu(dy)`` for x, which goes around the rectifier itself."""

    @staticmethod
    def forward(ctx: Any, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        del ctx, x
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[None, torch.Tensor]:
        del ctx
        return None, grad_outputs[0].relu()


_TREATMENTS: dict[Treatment, Any] = {Treatment.GUIDED: _Guided, Treatment.DECONVNET: _Deconvnet}
