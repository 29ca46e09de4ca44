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
from onnxcam_export.read.pytorch.from_torch import quiet
from onnxcam_export.verify.comparison import Comparison, compare_with_exact, tolerance
from onnxcam_export.verify.interpreter import Interpreter
from onnxcam_export.verify.ties import tied_places, ties_note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.differentiate.tables import InputGradient
    from onnxcam_export.verify.comparison import Array
    from onnxcam_export.verify.interpreter import Rectifier


class AgainstAutograd:
    """The reference for PyTorch modules: autograd (a ``onnxcam_export.verify.reference.Reference``).

    Attributes:
        name: PyTorch's version, for messages and the report.
        is_complete: Whether the program has a counterpart of everything that is to be compared.
    """

    def __init__(
        self, program: torch.export.ExportedProgram, forward: Forward, input_gradient: InputGradient | None
    ) -> None:
        """Prepares the program for comparisons.

        Args:
            program: The program that the graph was made from.
            forward: The prepared forward pass.
            input_gradient: The gradient at the input, with its rules; None if the artifact has none.
        """
        self.name = f"PyTorch {torch.__version__} autograd"
        self._module = program.module()
        self._score = forward.score.value.name or ""
        self._layers = {name: value.name or "" for name, value in forward.layers.items()}
        self._views = forward.views
        self._inputs = [value.name or "" for value in forward.model.graph.inputs]
        self._image = forward.image_input.name
        self._fixed_batch = forward.image_input.batch is not None
        self._outputs = [value.name or "" for value in forward.model.graph.outputs]
        self._input_output = None if input_gradient is None else input_gradient.output
        nodes = {node.name: node for node in self._module.graph.nodes}
        treated = [(step, input_gradient.treatment(step)) for step in forward.steps if input_gradient is not None]
        self._rectifiers = [
            (_input_name(nodes, step.x.name or "", step.y.name or ""), step.y.name or "", treatment)
            for step, treatment in treated
            if treatment in {Treatment.GUIDED, Treatment.DECONVNET}
        ]
        self._missing = {name for name in (self._score, *self._layers.values()) if name not in nodes}
        self._not_compared = _unknown(self._rectifiers, nodes, [str(s) for s, t in treated if t is Treatment.OWN])
        unnamed = {name for x, y, _ in self._rectifiers for name in (x, y)} - nodes.keys()
        self.is_complete = not self._missing and not unnamed

    def compare(self, inputs: Mapping[str, Array], v: Array, got: Mapping[str, Any], *, thorough: bool) -> Comparison:
        """Compares all outputs that have a counterpart in the program; ``thorough`` makes no difference.

        Raises:
            SourceError: PyTorch has no derivative for an operator of the program.
        """
        del thorough
        expected, notes = self._differentiated(inputs, v)
        comparison = Comparison()
        comparison.note(*notes)
        for output, value in expected.items():
            error, allowed = relative_error(got[output], value), tolerance(output)
            if error <= allowed:
                comparison.add(output, error, allowed)
            else:
                self._compare_closely(comparison, output, inputs, v, (got[output], value))
        return comparison

    def _compare_closely(
        self, comparison: Comparison, output: str, inputs: Mapping[str, Array], v: Array, pair: tuple[Array, Array]
    ) -> None:
        """Compares an output that differs, without the places where the score has no unique gradient."""
        layer = output.removeprefix(contract.GRADIENTS_PREFIX)
        unique = np.ones((), np.float32) if layer == output else 1 - self._tied(inputs, v, layer)
        got, expected = (array * unique for array in pair)
        if not unique.all():
            comparison.note(ties_note(output, 1 - unique))
            if not unique.any():
                return
            if relative_error(got, expected) <= tolerance(output):
                comparison.add(output, relative_error(got, expected), tolerance(output))
                return
        exact = self._differentiated(_in_double(inputs), v)[0].get(output)
        compare_with_exact(comparison, output, got, expected, None if exact is None else exact * unique)

    def _tied(self, inputs: Mapping[str, Array], v: Array, layer: str) -> Array:
        """One where a layer's value is tied with others, so that the score has no unique gradient there."""
        image = inputs[self._image]
        if len(v) > len(image) and self._fixed_batch:
            return np.concatenate([self._tied(inputs, v[row : row + 1], layer) for row in range(len(v))])
        name, weights = self._layers[layer], _weights(v, image)
        _, arguments = self._arguments(inputs, len(v))

        def gradient(noise: Array | None) -> tuple[Array, Array]:
            plain = Interpreter(self._module)
            plain.added = {} if noise is None else {name: torch.from_numpy(noise)}
            plain.run(*arguments)
            scores = plain.values[self._score].reshape(weights.shape)
            (g,) = torch.autograd.grad((scores * weights).sum(), plain.values[name])
            return _array(plain.values[name]), _array(g)

        return self._views[layer].of(tied_places(gradient))

    def _arguments(self, inputs: Mapping[str, Array], rows: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The image, which is differentiated, and all arguments of the program, with a row for each of v."""
        count = len(inputs[self._image])
        tensors = {
            name: torch.from_numpy(np.repeat(value, rows // count, axis=0) if value.ndim else value)
            for name, value in inputs.items()
        }
        x = tensors[self._image].requires_grad_()
        return x, [tensors[name] for name in self._inputs]

    def _differentiated(self, inputs: Mapping[str, Array], v: Array) -> tuple[dict[str, Array], tuple[str, ...]]:
        """The expected outputs of a run at level 2, by name, and notes on those that could not be computed.

        Args:
            inputs: By name; with an image in float64, the program is run in float64.
            v: The explained rows, [M, *score shape]; M = N or N = 1.
        """
        try:
            with quiet():
                return self._expected(inputs, v)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise SourceError(f"PyTorch cannot differentiate the program that it captured: {reason}") from error

    def _expected(self, inputs: Mapping[str, Array], v: Array) -> tuple[dict[str, Array], tuple[str, ...]]:
        image = inputs[self._image]
        if len(v) > len(image) and self._fixed_batch:
            return self._row_by_row(inputs, v)
        count = len(image)
        x, arguments = self._arguments(inputs, len(v))
        module = copy.deepcopy(self._module).double() if x.dtype == torch.float64 else self._module
        weights = _weights(v, image)
        plain = Interpreter(module)
        returned = torch.utils._pytree.tree_leaves(plain.run(*arguments))  # noqa: SLF001 — no public name for it
        expected = {name: _array(value)[:count] for name, value in zip(self._outputs, returned, strict=True)}
        if self._score in self._missing:
            return expected, (f"not compared: the scores {self._score!r} have no counterpart in the PyTorch program",)
        scores = plain.values[self._score].reshape(weights.shape)
        expected[contract.SCORES_OUTPUT] = _array(scores)[:count]
        notes = []
        for layer, value in self._layers.items():
            if value in self._missing:
                notes.append(f"not compared: layer {layer!r} ({value}) has no counterpart in the PyTorch program")
                continue
            activations = plain.values[value]
            (gradients,) = torch.autograd.grad((scores * weights).sum(), activations, retain_graph=True)
            view = self._views[layer]
            expected[contract.ACTIVATIONS_PREFIX + layer] = view.of(_array(activations))[:count]
            expected[contract.GRADIENTS_PREFIX + layer] = view.of(_array(gradients))
        if self._input_output is None:
            return expected, tuple(notes)
        if self._not_compared:
            return expected, (*notes, f"not compared: {self._input_output}, {self._not_compared}")
        treated = Interpreter(module, self._rectifiers)
        treated.run(*arguments)
        (gradients,) = torch.autograd.grad((treated.values[self._score].reshape(weights.shape) * weights).sum(), x)
        expected[self._input_output] = _array(gradients)
        return expected, tuple(notes)

    def _row_by_row(self, inputs: Mapping[str, Array], v: Array) -> tuple[dict[str, Array], tuple[str, ...]]:
        """Several rows of one image, for a program whose batch is fixed at one."""
        rows = [self._expected(inputs, v[row : row + 1]) for row in range(len(v))]
        expected, notes = rows[0]
        for name in expected:
            if name.startswith(contract.GRADIENTS_PREFIX) or name == self._input_output:
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


def _weights(v: Array, image: Array) -> torch.Tensor:
    """The rows of v in the type in which the program is run."""
    return torch.from_numpy(v.astype(image.dtype if image.dtype.kind == "f" else np.float32))


def _in_double(inputs: Mapping[str, Array]) -> dict[str, Array]:
    return {name: value.astype(np.float64) if value.dtype.kind == "f" else value for name, value in inputs.items()}


def _array(tensor: torch.Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().numpy())
