"""Quantisation: the gradient passes straight through (Bengio et al. 2013, https://arxiv.org/abs/1308.3432).

As in PyTorch's ``fake_quantize``, it passes inside the representable range and is zero outside. The gradient of a
quantised tensor is the gradient of the numbers that it represents, so the scale is not a factor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.graph.expressions import positive
from onnxcam_export.graph.steps import shape_of

if TYPE_CHECKING:
    from onnxcam_export.graph.builder import Builder
    from onnxcam_export.graph.steps import Step


# ONNX Runtime computes these operators, and the quantising after them, in one integer kernel.
_LINEAR = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Sub", "BatchNormalization"}


def _integer_range(step: Step) -> tuple[int, int]:
    """The smallest and the largest integer of a quantised tensor's type."""
    dtype = step.y.dtype or ir.DataType.UINT8
    bounds = np.iinfo(dtype.numpy())
    return int(bounds.min), int(bounds.max)


def _replaces_rectifier(step: Step) -> bool:
    """Whether the quantising also does the work of a rectifier: its smallest integer is zero, after a linear operator.

    Quantisation tools remove a Relu or a Clip from 0 if quantising does the same.
    """
    zero = step.constant(2)
    cuts_at_zero = np.all((np.asarray(0) if zero is None else zero) == _integer_range(step)[0])
    return _follows_linear(step) and bool(cuts_at_zero)


def _follows_linear(step: Step) -> bool:
    producer = step.x.producer()
    return producer is not None and producer.op_type in _LINEAR


@rule(rectifies=_replaces_rectifier, zero_below_zero=True)
def QuantizeLinear(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [low <= x <= high]``, the range that the integers can represent.

    After a linear operator x is not read, since ONNX Runtime could then not fuse the integer kernels. If quantising
    replaced a rectifier there, the gradient passes where ``smallest < y < largest``, as through the rectifier.
    Otherwise it passes everywhere: the integers do not show whether x was at the edge of the range or outside, and
    calibration keeps it inside.
    """
    inside: ir.Value | None = None
    if _replaces_rectifier(step):
        inside = _between_the_last(op, step)
    elif not _follows_linear(step):
        low, high = _representable(step)
        inside = op.Cast(op.Equal(op.Min(op.Max(step.x, low), high), step.x), to=int(op.dtype))
    return [dy if inside is None else op.Mul(dy, inside)]


@rule
def DequantizeLinear(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy``."""
    return [dy]


def _between_the_last(op: Builder, step: Step) -> ir.Value:
    """``[smallest < y < largest]``, computed in bytes if y is of bytes."""
    smallest, largest = _integer_range(step)
    dtype = (step.y.dtype or ir.DataType.UINT8).numpy()
    if dtype.itemsize > 1:
        y = op.Cast(step.y, to=int(op.dtype))
        return positive(op, op.Mul(op.Sub(y, float(smallest)), op.Sub(float(largest), y)))
    clipped = op.Clip(step.y, dtype.type(smallest + 1), dtype.type(largest - 1))
    return op.Cast(op.Equal(clipped, step.y), to=int(op.dtype))


def _representable(step: Step) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The smallest and the largest x that round to an integer of the type; per channel if the scale is."""
    scale, zero = step.constant(1), step.constant(2)
    assert scale is not None  # noqa: S101 — required by the operator
    zero = np.zeros((), np.int64) if zero is None else zero.astype(np.int64)
    smallest, largest = _integer_range(step)
    low, high = (smallest - 0.5 - zero) * scale, (largest + 0.5 - zero) * scale
    if scale.ndim:
        rank = len(shape_of(step.x))
        axis = int(step.attributes.get("axis", 1)) % rank
        low, high = (bound.reshape(-1, *[1] * (rank - axis - 1)) for bound in (low, high))
    return low.astype(scale.dtype), high.astype(scale.dtype)
