"""Quantisation: the gradient passes straight through (Bengio et al. 2013, https://arxiv.org/abs/1308.3432).

As in PyTorch's ``fake_quantize``, it passes inside the representable range and is zero outside. Whether a value was
inside is read off the quantised tensor, where it lies strictly between the smallest and the largest integer: reading
the float tensor would keep ONNX Runtime from fusing the integer kernels. The cotangent of a quantised tensor is that of
the number it stands for, so no scale enters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.rules.registry import Gradients, rule

if TYPE_CHECKING:
    from onnxcam_export.builder import Builder
    from onnxcam_export.steps import Step


@rule
def QuantizeLinear(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [smallest < y < largest]``."""
    smallest, largest = integer_range(node)
    dtype = (node.y.dtype or ir.DataType.UINT8).numpy()
    if dtype.itemsize == 1:  # a byte each until the last
        clipped = op.Clip(node.y, dtype.type(smallest + 1), dtype.type(largest - 1))
        inside = op.Cast(op.Equal(clipped, node.y), to=int(op.dtype))
    else:
        y = op.Cast(node.y, to=int(op.dtype))
        inside = op.Sign(op.Mul(op.Sub(y, float(smallest)), op.Sub(float(largest), y)))
    return [op.Mul(dy, inside), *[None] * (len(node.inputs) - 1)]


@rule
def DequantizeLinear(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy``."""
    return [dy, *[None] * (len(node.inputs) - 1)]


def integer_range(node: Step) -> tuple[int, int]:
    """The smallest and the largest integer of a quantised tensor's type."""
    dtype = node.y.dtype or ir.DataType.UINT8
    bounds = np.iinfo(dtype.numpy())
    return int(bounds.min), int(bounds.max)


def cuts_at_zero(node: Step) -> bool:
    """Whether the smallest integer stands for zero, which makes quantising a rectifier.

    Quantisation tools take a Relu or a Clip from 0 out of the graph where quantising does the same.
    """
    zero_point = node.constant(2)
    return bool(np.all((np.asarray(0) if zero_point is None else zero_point) == integer_range(node)[0]))
