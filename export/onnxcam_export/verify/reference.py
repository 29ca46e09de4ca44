"""Chooses the reference of an artifact: autograd for PyTorch modules, the original and differences for ONNX models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from onnxcam_export.differentiate.rule import PLAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.differentiate.tables import InputGradient, Table
    from onnxcam_export.read.source import Original
    from onnxcam_export.verify.comparison import Array, Comparison


class Reference(Protocol):
    """An independent computation of the artifact's outputs."""

    @property
    def name(self) -> str:
        """Its name, for messages and the report."""

    def compare(self, inputs: Mapping[str, Array], v: Array, got: Mapping[str, Any], *, thorough: bool) -> Comparison:
        """Compares one run at level 2.

        Args:
            inputs: The inputs by name; the image is [N, …].
            v: The explained rows, [M, *score shape]; M = N or N = 1.
            got: The artifact's outputs by name.
            thorough: Whether to spend more time on the first of several runs.
        """


def reference_for(
    original: Original, forward: Forward, input_gradient: InputGradient, rules: Table = PLAIN
) -> Reference:
    """The reference for a source; it must be made before the forward pass is assembled into the artifact."""
    if original.program is not None:
        from onnxcam_export.verify.against_autograd import AgainstAutograd  # noqa: PLC0415 — torch takes seconds

        return AgainstAutograd(original.program, forward, input_gradient)
    from onnxcam_export.verify.against_original import AgainstOriginal  # noqa: PLC0415 — only where it is needed

    assert original.unchanged is not None  # noqa: S101 — an original has a program or an unchanged model
    return AgainstOriginal(original.unchanged, forward, original.image, input_gradient, rules)
