"""Reductions over axes: sum, mean, maximum, norms, …. The batch is never reduced."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.graph.steps import Step, reduced_axes, shape_of, size_of

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def ReduceMean(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / n`` for each of the n elements."""
    count = math.prod(size_of(step.x, axis) for axis in reduced_axes(step))
    return [_everywhere(op, step, op.Mul(dy, 1 / count))]


@rule
def ReduceSum(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` for each element."""
    return [_everywhere(op, step, dy)]


@rule
def ReduceMax(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy [x = y]``, in equal parts if several are equal, as in PyTorch's ``amax``."""
    return [_shared(op, step, dy)]


@rule
def ReduceMin(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy [x = y]``, in equal parts if several are equal, as in PyTorch's ``amin``."""
    return [_shared(op, step, dy)]


@rule
def ReduceProd(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx_i`` is dy times the product of the other elements.

    Without zeros that is ``dy y / x``. A single zero gets dy times the product of the others, and they get nothing.
    """
    axes = reduced_axes(step)
    zero = op.Cast(op.Equal(step.x, 0.0), to=int(op.dtype))
    others = op.Add(step.x, zero)
    product, zeros = (op.ReduceProd(others, axes), op.ReduceSum(zero, axes)) if axes else (others, zero)
    single = op.Mul(zero, op.Cast(op.Equal(zeros, 1.0), to=int(op.dtype)))
    share = op.Add(op.Cast(op.Equal(zeros, 0.0), to=int(op.dtype)), single)
    return [op.Mul(_kept(op, step, dy), op.Mul(op.Div(product, others), share))]


@rule
def ReduceL1(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy sign(x)``."""
    return [op.Mul(_kept(op, step, dy), op.Sign(step.x))]


@rule
def ReduceL2(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy x / y``, and 0 where y is."""
    norm = op.Max(step.y, float(np.finfo(op.dtype.numpy()).tiny))
    return [op.Mul(_kept(op, step, op.Div(dy, norm)), step.x)]


@rule
def ReduceSumSquare(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = 2 dy x``."""
    return [op.Mul(_kept(op, step, op.Mul(dy, 2.0)), step.x)]


@rule
def ReduceLogSum(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / e^y``."""
    return [_everywhere(op, step, op.Mul(dy, op.Exp(op.Neg(step.y))))]


@rule
def ReduceLogSumExp(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy e^(x - y)``."""
    return [op.Mul(_kept(op, step, dy), op.Exp(op.Sub(step.x, _kept(op, step, step.y))))]


def _kept(op: Builder, step: Step, value: ir.Value) -> ir.Value:
    """``value``, which has y's shape, with the reduced axes kept at size 1."""
    axes = reduced_axes(step)
    if step.attributes.get("keepdims", 1) or not axes:
        return value
    return op.Unsqueeze(value, axes)


def _everywhere(op: Builder, step: Step, value: ir.Value) -> ir.Value:
    """``value``, which has y's shape, repeated along the reduced axes to the shape of x."""
    axes = reduced_axes(step)
    size = [size_of(step.x, axis) if axis in axes else 1 for axis in range(len(shape_of(step.x)))]
    return op.Expand(_kept(op, step, value), size)


def _shared(op: Builder, step: Step, dy: ir.Value) -> ir.Value:
    axes = reduced_axes(step)
    taken = op.Cast(op.Equal(step.x, _kept(op, step, step.y)), to=int(op.dtype))
    count = op.ReduceSum(taken, axes, keepdims=1) if axes else taken
    return op.Mul(op.Div(_kept(op, step, dy), count), taken)
