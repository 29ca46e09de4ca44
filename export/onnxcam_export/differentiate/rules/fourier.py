"""The discrete Fourier transform; complex numbers are pairs along the last axis, real ones have only the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.graph.expressions import padded
from onnxcam_export.graph.steps import Step, shape_of, size_of

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def DFT(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dX = n F^-1 dY`` for ``Y = F X`` of length n, and ``dX = F dY / n`` for ``Y = F^-1 X``.

    The signal may have been cut or padded to n, and of a real signal's transform one half may have been left out.
    """
    rank = len(shape_of(step.x))
    axis_given = step.constant(2)
    axis = -2 if axis_given is None else int(axis_given.item())
    axis %= rank
    length_given = step.constant(1)
    given, inverse = size_of(step.x, axis), int(step.attributes.get("inverse", 0))
    length = given if length_given is None else int(length_given.item())
    kept = size_of(step.y, axis)
    if kept < length:
        dy = padded(op, dy, rank, {axis: (0, length - kept)})
    dx = op.Mul(op.DFT(dy, None, axis, inverse=1 - inverse), 1 / length if inverse else float(length))
    around = {axis: (0, given - length), rank - 1: (0, size_of(step.x, rank - 1) - 2)}
    return [padded(op, dx, rank, around) if any(after for _, after in around.values()) else dx]
