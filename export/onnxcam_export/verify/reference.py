"""Chooses the reference of an artifact: autograd for PyTorch modules, the original and differences for ONNX models.

What autograd cannot compute for a module is compared with differences, so that every output is verified.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.errors import SourceError
from onnxcam_export.verify.comparison import Comparison

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.differentiate.tables import InputGradient, Table
    from onnxcam_export.read.source import Original
    from onnxcam_export.verify.comparison import Array


class Reference(Protocol):
    """An independent computation of the artifact's outputs."""

    @property
    def name(self) -> str:
        """Its name, for messages and the report."""

    def require_runs(self, inputs: Mapping[str, Array]) -> None:
        """Requires that the source itself can be run on inputs.

        Raises:
            SourceError: It cannot.
        """

    def compare(self, inputs: Mapping[str, Array], v: Array, got: Mapping[str, Any], *, thorough: bool) -> Comparison:
        """Compares one run at level 2.

        Args:
            inputs: The inputs by name; the image is [N, …].
            v: The explained rows, [M, *score shape]; M = N or N = 1.
            got: The artifact's outputs by name.
            thorough: Whether to spend more time on the first of several runs.
        """


class _AutogradThenDifferences:
    """Autograd, and central differences for what the PyTorch program has no counterpart or derivative of."""

    def __init__(
        self, original: Original, forward: Forward, input_gradient: InputGradient | None, rules: Table
    ) -> None:
        """Keeps a copy of the forward pass, since assembling changes it."""
        from onnxcam_export.verify.against_autograd import AgainstAutograd  # noqa: PLC0415 — torch takes seconds

        assert original.program is not None  # noqa: S101 — it is for such sources
        self._autograd = AgainstAutograd(original.program, forward, input_gradient)
        self._original = original
        self._forward = replace(forward, model=forward.model.clone())
        self._gradients = (input_gradient, rules)
        self.name = self._autograd.name

    @cached_property
    def _differences(self) -> Reference:
        self.name = f"{self._autograd.name}, and central differences"
        return _differences(self._original, self._forward, *self._gradients)

    def require_runs(self, inputs: Mapping[str, Array]) -> None:
        """Nothing: PyTorch has run its own program when it captured it."""

    def compare(self, inputs: Mapping[str, Array], v: Array, got: Mapping[str, Any], *, thorough: bool) -> Comparison:
        """Compares with autograd, and the rest with differences."""
        try:
            found = self._autograd.compare(inputs, v, got, thorough=thorough)
            if self._autograd.is_complete:
                return found
        except SourceError as error:
            found = Comparison(notes=[str(error)])
        others = self._differences.compare(inputs, v, got, thorough=thorough)
        found.notes = [note for note in found.notes if not note.startswith("not compared")]
        found.note(*others.notes)
        for name in [name for name in others.errors if name not in found.errors]:
            found.add(name, others.errors[name], others.tolerances[name])
        return found


def reference_for(
    original: Original, forward: Forward, input_gradient: InputGradient | None, rules: Table = PLAIN
) -> Reference:
    """The reference for a source; it must be made before the forward pass is assembled into the artifact.

    Args:
        original: The source.
        forward: The prepared forward pass.
        input_gradient: The gradient at the input; None for an artifact of level 1, which has none.
        rules: The rules of the gradients at the layers.
    """
    make = _differences if original.program is None else _AutogradThenDifferences
    return make(original, forward, input_gradient, rules)


def _differences(original: Original, forward: Forward, input_gradient: InputGradient | None, rules: Table) -> Reference:
    from onnxcam_export.verify.against_original import AgainstOriginal  # noqa: PLC0415 — only where it is needed

    return AgainstOriginal(original.unchanged, forward, original.image, input_gradient, rules)
