"""The discrete Fourier transform; complex numbers are pairs along the last axis, real ones have only the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.errors import ShapeError
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
    if inverse and step.attributes.get("onesided", 0):
        return [_of_half(op, step, dy, axis)]
    length = given if length_given is None else int(length_given.item())
    kept = size_of(step.y, axis)
    if kept < length:
        dy = padded(op, dy, rank, {axis: (0, length - kept)})
    dx = op.Mul(op.DFT(dy, None, axis, inverse=1 - inverse), 1 / length if inverse else float(length))
    around = {axis: (0, given - length), rank - 1: (0, size_of(step.x, rank - 1) - 2)}
    return [padded(op, dx, rank, around) if any(after for _, after in around.values()) else dx]


def _of_half(op: Builder, step: Step, dy: ir.Value, axis: int) -> ir.Value:
    """``dX_k = c_k (F dy)_k / n`` for the real ``y = F^-1 X`` of which X has the frequencies 0 … n / 2.

    ``c_k`` is 2, since y has the conjugate of X_k at the frequency n - k too; it is 1 for 0, and for n / 2 if n is
    even, which have none. The imaginary parts of those have no effect, and a gradient of zero.
    """
    rank, length, given = len(shape_of(step.x)), size_of(step.y, axis), size_of(step.x, axis)
    if given != length // 2 + 1:
        raise ShapeError(
            f"{step} makes {length} values of {given} frequencies, and its gradient is known for {length // 2 + 1} "
            "alone; cut or pad the frequencies to as many before the DFT"
        )
    counts = np.full(given, 2 / length, op.dtype.numpy())
    counts[0] = 1 / length
    if length % 2 == 0:
        counts[-1] = 1 / length
    shape = [1] * rank
    shape[axis] = given
    return op.Mul(op.DFT(dy, None, axis, onesided=1), counts.reshape(shape))
