"""Verifies an artifact against PyTorch's autograd, on the program that the graph was made from."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from onnxcam import contract
from onnxcam.execution.golden import relative_error
from onnxcam_export.differentiate.rule import Treatment
from onnxcam_export.errors import SourceError
from onnxcam_export.read.from_torch import quiet
from onnxcam_export.verify.comparison import Comparison, compare_with_exact, tolerance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.differentiate.tables import InputGradient
    from onnxcam_export.verify.comparison import Array, Target

# The names of an activation's input and output in the program, and the kind of gradient there.
Rectifier = tuple[str, str, Treatment]


class AgainstAutograd:
    """The reference for PyTorch modules: autograd (a ``onnxcam_export.verify.reference.Reference``).

    Attributes:
        name: PyTorch's version, for messages and the report.
        is_complete: Whether the program has a counterpart of everything that is to be compared.
    """

    def __init__(self, program: torch.export.ExportedProgram, forward: Forward, input_gradient: InputGradient) -> None:
        """Prepares the program for comparisons.

        Args:
            program: The program that the graph was made from.
            forward: The prepared forward pass.
            input_gradient: The gradient at the input, with its rules.
        """
        self.name = f"PyTorch {torch.__version__} autograd"
        self._module = program.module()
        self._score = forward.score.value.name or ""
        self._layers = {name: value.name or "" for name, value in forward.layers.items()}
        shape = forward.model.graph.inputs[0].shape
        self._fixed_batch = shape is not None and isinstance(shape[0], int)
        self._outputs = [value.name or "" for value in forward.model.graph.outputs]
        self._input_output = input_gradient.output
        nodes = {node.name: node for node in self._module.graph.nodes}
        treated = [(step, input_gradient.treatment(step)) for step in forward.steps]
        self._rectifiers = [
            (_input_name(nodes, step.x.name or "", step.y.name or ""), step.y.name or "", treatment)
            for step, treatment in treated
            if treatment in {Treatment.GUIDED, Treatment.DECONVNET}
        ]
        self._missing = {name for name in (self._score, *self._layers.values()) if name not in nodes}
        self._not_compared = _unknown(self._rectifiers, nodes, [str(s) for s, t in treated if t is Treatment.OWN])
        unnamed = {name for x, y, _ in self._rectifiers for name in (x, y)} - nodes.keys()
        self.is_complete = not self._missing and not unnamed

    def compare(
        self, inputs: Mapping[str, Array], target: Target, got: Mapping[str, Any], *, thorough: bool
    ) -> Comparison:
        """Compares all outputs that have a counterpart in the program; ``thorough`` makes no difference.

        Raises:
            SourceError: PyTorch has no derivative for an operator of the program.
        """
        del thorough
        image = next(iter(inputs.values()))
        expected, notes = self._differentiated(image, target)
        comparison = Comparison()
        comparison.note(*notes)
        for output, value in expected.items():
            error, allowed = relative_error(got[output], value), tolerance(output)
            if error <= allowed:
                comparison.add(output, error, allowed)
            else:
                exact = self._differentiated(image.astype(np.float64), target)[0].get(output)
                compare_with_exact(comparison, output, got[output], value, exact)
        return comparison

    def _differentiated(self, image: Array, target: Target) -> tuple[dict[str, Array], tuple[str, ...]]:
        """The expected outputs of a run at level 2, by name, and notes on those that could not be computed.

        Args:
            image: [N, C, H, W]; in float64, the program is run in float64.
            target: [T] class indices, no ranks; T = N or N = 1.
        """
        try:
            with quiet():
                return self._expected(image, target)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise SourceError(f"PyTorch cannot differentiate the program that it captured: {reason}") from error

    def _expected(self, image: Array, target: Target) -> tuple[dict[str, Array], tuple[str, ...]]:
        if len(target) > len(image) and self._fixed_batch:
            return self._row_by_row(image, target)
        count = len(image)
        x = torch.from_numpy(np.repeat(image, len(target) // count, axis=0)).requires_grad_()
        module = copy.deepcopy(self._module).double() if x.dtype == torch.float64 else self._module
        rows = torch.arange(len(target)), torch.from_numpy(target)
        plain = _Interpreter(module, ())
        returned = torch.utils._pytree.tree_leaves(plain.run(x))  # noqa: SLF001 — no public name for it
        expected = {name: _array(value)[:count] for name, value in zip(self._outputs, returned, strict=True)}
        if self._score in self._missing:
            return expected, (f"not compared: the scores {self._score!r} have no counterpart in the PyTorch program",)
        scores = plain.values[self._score].flatten(1)
        expected[contract.SCORES_OUTPUT] = _array(scores)[:count]
        notes = []
        for layer, value in self._layers.items():
            if value in self._missing:
                notes.append(f"not compared: layer {layer!r} ({value}) has no counterpart in the PyTorch program")
                continue
            activations = plain.values[value]
            (gradients,) = torch.autograd.grad(scores[rows].sum(), activations, retain_graph=True)
            expected[contract.ACTIVATIONS_PREFIX + layer] = _array(activations)[:count]
            expected[contract.GRADIENTS_PREFIX + layer] = _array(gradients)
        if self._not_compared:
            return expected, (*notes, f"not compared: {self._input_output}, {self._not_compared}")
        treated = _Interpreter(module, self._rectifiers)
        treated.run(x)
        (gradients,) = torch.autograd.grad(treated.values[self._score].flatten(1)[rows].sum(), x)
        expected[self._input_output] = _array(gradients)
        return expected, tuple(notes)

    def _row_by_row(self, image: Array, target: Target) -> tuple[dict[str, Array], tuple[str, ...]]:
        """Several classes of one image, for a program whose batch is fixed at one."""
        rows = [self._expected(image, target[row : row + 1]) for row in range(len(target))]
        expected, notes = rows[0]
        for name in expected:
            if name.startswith((contract.GRADIENTS_PREFIX, self._input_output)):
                expected[name] = np.concatenate([row[name] for row, _ in rows])
        return expected, notes


def _input_name(nodes: Mapping[str, torch.fx.Node], x: str, y: str) -> str:
    """The name of an activation's input in the program, which ONNX may name differently, such as a part of a Split."""
    if x in nodes:
        return x
    inputs = nodes[y].all_input_nodes if y in nodes else []
    return inputs[0].name if len(inputs) == 1 else x


def _unknown(rectifiers: Sequence[Rectifier], nodes: Mapping[str, torch.fx.Node], own: Sequence[str]) -> str:
    """The reason why the gradient at the input cannot be compared; empty if it can."""
    if own:
        return f"made with rules of the caller's own: {'; '.join(own)}"
    missing = [f"{x} -> {y}" for x, y, _ in rectifiers if not nodes.keys() >= {x, y}]
    return f"no counterpart in the PyTorch program of {', '.join(missing)}" if missing else ""


class _Interpreter(torch.fx.Interpreter):
    """Runs a program node by node, keeps every value, and replaces the gradient at rectifiers."""

    def __init__(self, module: torch.fx.GraphModule, rectifiers: Sequence[Rectifier]) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.values: dict[str, torch.Tensor] = {}
        self._rectified = {y: (x, _TREATMENTS[treatment]) for x, y, treatment in rectifiers}
        self._double = any(parameter.dtype == torch.float64 for parameter in module.parameters())

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._double and getattr(kwargs.get("dtype"), "is_floating_point", False):
            kwargs = {**kwargs, "dtype": torch.float64}  # casts in the program would lose precision
        return super().call_function(_REPLACED.get(target, target), args, kwargs)

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        if n.name in self._rectified:
            x, treatment = self._rectified[n.name]
            result = treatment.apply(result, self.values[x])
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


def _array(tensor: torch.Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().numpy())
