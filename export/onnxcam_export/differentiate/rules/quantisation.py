"""Quantisation: the gradient passes straight through (Bengio et al. 2013, https://arxiv.org/abs/1308.3432).

As in PyTorch's ``fake_quantize``, it passes inside the representable range and is zero outside. The cotangent of a
quantised tensor is that of the number it stands for, so no scale enters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.graph.steps import shape_of

if TYPE_CHECKING:
    from onnxcam_export.graph.builder import Builder
    from onnxcam_export.graph.steps import Step


# What ONNX Runtime computes with integers, the quantising behind it included.
_LINEAR = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Sub", "BatchNormalization"}


@rule
def QuantizeLinear(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [low <= x <= high]``, the range that the integers can represent.

    Behind a linear operator x is not read, or ONNX Runtime could not fuse the integer kernels. If quantising replaced a
    rectifier there, the gradient passes where ``smallest < y < largest``, as it would have passed the rectifier;
    otherwise it passes: the integers cannot tell the range's edge from what lies outside, which calibration avoids.
    """
    inside: ir.Value | None = None
    if replaces_rectifier(node):
        inside = _between_the_last(op, node)
    elif not _follows_linear(node):
        low, high = _representable(node)
        inside = op.Cast(op.Equal(op.Min(op.Max(node.x, low), high), node.x), to=int(op.dtype))
    return [dy if inside is None else op.Mul(dy, inside), *[None] * (len(node.inputs) - 1)]


@rule
def DequantizeLinear(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy``."""
    return [dy, *[None] * (len(node.inputs) - 1)]


def integer_range(node: Step) -> tuple[int, int]:
    """The smallest and the largest integer of a quantised tensor's type."""
    dtype = node.y.dtype or ir.DataType.UINT8
    bounds = np.iinfo(dtype.numpy())
    return int(bounds.min), int(bounds.max)


def replaces_rectifier(node: Step) -> bool:
    """Whether the smallest integer stands for zero, behind an operator whose output can be negative.

    Quantisation tools take a Relu or a Clip from 0 out of the graph where quantising does the same.
    """
    zero = node.constant(2)
    cuts_at_zero = np.all((np.asarray(0) if zero is None else zero) == integer_range(node)[0])
    return _follows_linear(node) and bool(cuts_at_zero)


def _follows_linear(node: Step) -> bool:
    producer = node.x.producer()
    return producer is not None and producer.op_type in _LINEAR


def _between_the_last(op: Builder, node: Step) -> ir.Value:
    """``[smallest < y < largest]``, computed on bytes where y is bytes."""
    smallest, largest = integer_range(node)
    dtype = (node.y.dtype or ir.DataType.UINT8).numpy()
    if dtype.itemsize > 1:
        y = op.Cast(node.y, to=int(op.dtype))
        wide: ir.Value = op.positive(op.Mul(op.Sub(y, float(smallest)), op.Sub(float(largest), y)))
        return wide
    clipped = op.Clip(node.y, dtype.type(smallest + 1), dtype.type(largest - 1))
    inside: ir.Value = op.Cast(op.Equal(clipped, node.y), to=int(op.dtype))
    return inside


def _representable(node: Step) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The least and the greatest x that rounds to an integer of the type, for each channel where each has a scale."""
    scale, zero = node.constant(1), node.constant(2)
    assert scale is not None  # noqa: S101 — required by the operator
    zero = np.zeros((), np.int64) if zero is None else zero.astype(np.int64)
    smallest, largest = integer_range(node)
    low, high = (smallest - 0.5 - zero) * scale, (largest + 0.5 - zero) * scale
    if scale.ndim:
        rank = len(shape_of(node.x))
        axis = int(node.attributes.get("axis", 1)) % rank
        low, high = (bound.reshape(-1, *[1] * (rank - axis - 1)) for bound in (low, high))
    return low.astype(scale.dtype), high.astype(scale.dtype)
