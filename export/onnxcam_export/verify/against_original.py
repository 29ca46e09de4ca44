"""Verifies an artifact without PyTorch: against the original model in ONNX Runtime, and by central differences.

- The outputs must be those of the original, and so must scores and activations that have a name in it.
- The gradient at a target layer must agree with central differences of the forward pass after that layer
  (``onnxcam_export.verify.central_differences``). This uses no code of the differentiation.
- Guided backpropagation is not a derivative, so its parts are verified (``onnxcam_export.verify.gradient_at_image``).
- A model that computes in float16 has a twin in float32, with the same weights, and the differences are taken there
  (``onnxcam_export.verify.float16``).
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from onnxcam import contract
from onnxcam_export.errors import ParityError
from onnxcam_export.graph.float32 import computes_in_halves
from onnxcam_export.graph.session import ORIGINAL
from onnxcam_export.graph.steps import shape_of
from onnxcam_export.prepare import padded_pooling
from onnxcam_export.verify import central_differences, probe_models
from onnxcam_export.verify.central_differences import (
    along_activation,
    along_gradient,
    along_parts_of_gradient,
    movable,
    random_direction,
    restricted_to,
)
from onnxcam_export.verify.comparison import Comparison, difference, tolerance
from onnxcam_export.verify.float16 import IN_FLOAT32, Twins
from onnxcam_export.verify.gradient_at_image import GradientAtImage
from onnxcam_export.verify.probe_models import fed, rows, score_at
from onnxcam_export.verify.ties import ties_note

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx_ir as ir

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.differentiate.tables import InputGradient, Table
    from onnxcam_export.graph.session import Session
    from onnxcam_export.verify.comparison import Array


class AgainstOriginal:
    """The reference for ONNX models: the original model (a ``onnxcam_export.verify.reference.Reference``)."""

    def __init__(
        self, original: ir.Model, forward: Forward, image: str, input_gradient: InputGradient | None, rules: Table
    ) -> None:
        """Makes the probe models for the comparison.

        Args:
            original: The model as it was given.
            forward: The prepared forward pass, before it is assembled.
            image: The name of the image input.
            input_gradient: The gradient at the input, with its rules; None if the artifact has none.
            rules: The rules of the gradients at the layers.
        """
        self.name = f"the original in ONNX Runtime {onnxruntime.__version__}, and central differences"
        wanted = {contract.SCORES_OUTPUT: forward.score.value.name or ""}
        wanted |= {contract.ACTIVATIONS_PREFIX + name: value.name or "" for name, value in forward.layers.items()}
        self._image = image
        self._answers = {value.name or "": value.name or "" for value in original.graph.outputs}
        self._quantised = any(step.op_type == "QuantizeLinear" for step in forward.steps)
        self._selects = any(step.op_type == "TopK" for step in forward.steps)
        self._padded = any(padded_pooling.is_kept_apart(step.y) for step in forward.steps)
        self._halves = computes_in_halves(original)
        self._twins = Twins(forward, input_gradient, rules) if self._halves and not self._quantised else None
        self._original, self._inner = probe_models.with_outputs(original, wanted, ORIGINAL)
        # With more outputs, ONNX Runtime runs a quantised model with other kernels, which round differently.
        self._alone = probe_models.with_outputs(original, {}, ORIGINAL)[0] if self._quantised else self._original
        self._original_batch = _batch_of(next(value for value in original.graph.inputs if value.name == image))
        self._views = {contract.ACTIVATIONS_PREFIX + name: view for name, view in forward.views.items()}
        self._layers = {
            name: probe_models.cut(forward, value, forward.views[name]) for name, value in forward.layers.items()
        }
        self._input_gradient = None if input_gradient is None else GradientAtImage(forward, input_gradient, rules)

    def require_runs(self, inputs: Mapping[str, Array]) -> None:
        """Requires that ONNX Runtime runs the original."""
        self._run_original(self._alone, inputs, self._answers)

    def compare(self, inputs: Mapping[str, Array], v: Array, got: Mapping[str, Any], *, thorough: bool) -> Comparison:
        """Compares one run at level 2; a thorough comparison uses more directions."""
        comparison = self._compare_outputs(inputs, got)
        if self._padded:
            comparison.note(padded_pooling.NOTE)
        if self._quantised:
            comparison.note(QUANTISED_NOTE)
            return comparison
        if self._twins is not None:
            got = self._twins.compare(comparison, inputs, v, got)
        for name, session in self._layers.items():
            a, g = got[contract.ACTIVATIONS_PREFIX + name], got[contract.GRADIENTS_PREFIX + name]
            if self._selects and np.any((a == 0) & (g != 0)):
                comparison.note(ties_note(contract.GRADIENTS_PREFIX + name, a == 0))
            found = self._compare_layer(session, inputs, a, g, v, thorough=thorough)
            found.enter(comparison, contract.GRADIENTS_PREFIX + name + ("" if self._twins is None else IN_FLOAT32))
        if self._input_gradient is not None and len(v) == len(inputs[self._image]):
            self._input_gradient.compare(comparison, inputs, v, got)
        return comparison

    def _compare_outputs(self, inputs: Mapping[str, Array], got: Mapping[str, Any]) -> Comparison:
        expected = self._run_original(self._alone, inputs, self._answers)
        expected |= self._run_original(self._original, inputs, self._inner)
        comparison = Comparison()
        for name, value in expected.items():
            answer = got[name]
            shaped = np.reshape(value, answer.shape) if name == contract.SCORES_OUTPUT else value
            shaped = self._views[name].of(value) if name in self._views else shaped
            allowed = QUANTISED_ALLOWED if self._quantised else tolerance(name, halves=self._halves)
            error = difference(answer, shaped)
            if self._quantised and not error <= allowed:
                raise ParityError(f"{name} differs from the original by {error:.1e} (relative L2); {_OVERFLOW}")
            comparison.add(name, error, allowed)
        comparison.note(
            *(
                f"not compared: {name}, which has no counterpart by that name in the original"
                for name in got
                if name.startswith(contract.ACTIVATIONS_PREFIX) and name not in self._inner
            )
        )
        return comparison

    def _run_original(self, session: Session, inputs: Mapping[str, Array], wanted: Mapping[str, str]) -> dict[str, Any]:
        """The original's outputs; in batches of its own size if that is fixed, the last one filled up."""
        count = len(inputs[self._image])
        size = self._original_batch or count
        parts = []
        for start in range(0, count, size):
            images = np.minimum(np.arange(start, start + size), count - 1)
            found = session.run(list(wanted.values()), fed(session, rows(inputs, images, count)))
            parts.append([_first(value, min(size, count - start), size) for value in found])
        return {name: _joined([part[index] for part in parts]) for index, name in enumerate(wanted)}

    def _compare_layer(
        self,
        session: Session,
        inputs: Mapping[str, Array],
        a: Array,
        g: Array,
        v: Array,
        *,
        thorough: bool,
    ) -> central_differences.Agreement:
        """Compares each row of a gradient at its image's activation; if thorough, the first row in more directions."""
        a, g = a.astype(np.float64), g.astype(np.float64)
        found = []
        for row, weights in enumerate(v):
            image = row if len(a) > 1 else 0
            y = score_at(session, inputs, a, image, weights)
            here = a[image : image + 1]
            free = movable(here)
            slope = g[row : row + 1] * free
            directions = along_gradient(slope)
            if row == 0 and thorough:
                directions = chain(
                    along_parts_of_gradient(slope), along_activation(here, slope), random_direction(slope)
                )
            found.append(central_differences.compare(y, here, slope, restricted_to(free, directions)))
        return central_differences.combine(found)


# Integer and floating-point kernels round halves differently, and the differences add up over layers (0.06 seen).
QUANTISED_ALLOWED = 0.1
_OVERFLOW = (
    "on processors without instructions for 8-bit integers, ONNX Runtime's kernels overflow for some models, and not "
    "in the same way if a value inside is asked for: quantise the weights to 7 bits (reduce_range=True), or export on "
    "another processor"
)
QUANTISED_NOTE = (
    "not compared: the gradients, which pass straight through quantisation, while differences see its steps"
)


def _first(value: Any, count: int, size: int) -> Any:
    """The rows of the first images, of an output that has a row for each."""
    return value[:count] if np.ndim(value) and len(value) == size else value


def _joined(parts: list[Any]) -> Any:
    """Joins an output of several runs."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], list):
        return [item for part in parts for item in part]
    return np.concatenate([np.atleast_1d(part) for part in parts])


def _batch_of(image: ir.Value) -> int | None:
    return None if image.shape is None else shape_of(image)[0]
