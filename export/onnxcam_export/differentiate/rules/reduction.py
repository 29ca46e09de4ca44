"""Reductions over axes. The gradient spreads over what was reduced; the batch is never reduced."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.graph.steps import Step, shape_of, size_of

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def ReduceMean(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / n`` for each of the n elements."""
    count = math.prod(size_of(node.x, axis) for axis in reduced_axes(node))
    return _answer(node, _everywhere(op, node, op.Mul(dy, 1 / count)))


@rule
def ReduceSum(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` for each element."""
    return _answer(node, _everywhere(op, node, dy))


@rule
def ReduceMax(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy [x = y]``, in equal parts where several are; as PyTorch's ``amax``."""
    return _answer(node, _shared(op, node, dy))


@rule
def ReduceMin(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy [x = y]``, in equal parts where several are; as PyTorch's ``amin``."""
    return _answer(node, _shared(op, node, dy))


@rule
def ReduceProd(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy y / x``, for x that are not zero."""
    return _answer(node, op.Div(_kept(op, node, op.Mul(dy, node.y)), node.x))


@rule
def ReduceL1(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy sign(x)``."""
    return _answer(node, op.Mul(_kept(op, node, dy), op.Sign(node.x)))


@rule
def ReduceL2(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy x / y``, and 0 where y is."""
    norm = op.Max(node.y, float(np.finfo(op.dtype.numpy()).tiny))
    return _answer(node, op.Mul(_kept(op, node, op.Div(dy, norm)), node.x))


@rule
def ReduceSumSquare(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = 2 dy x``."""
    return _answer(node, op.Mul(_kept(op, node, op.Mul(dy, 2.0)), node.x))


@rule
def ReduceLogSum(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / e^y``."""
    return _answer(node, _everywhere(op, node, op.Mul(dy, op.Exp(op.Neg(node.y)))))


@rule
def ReduceLogSumExp(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy e^(x - y)``."""
    return _answer(node, op.Mul(_kept(op, node, dy), op.Exp(op.Sub(node.x, _kept(op, node, node.y)))))


def reduced_axes(node: Step) -> list[int]:
    """The axes reduced, counted from the front; an input since opset 18 or 13, an attribute before."""
    rank = len(shape_of(node.x))
    axes = node.attributes.get("axes")
    if axes is None:
        constant = node.constant(1)
        axes = [] if constant is None else constant.ravel().tolist()
    if not len(axes) and not node.attributes.get("noop_with_empty_axes", 0):
        axes = range(rank)
    return sorted(int(axis) % rank for axis in axes)


def _answer(node: Step, dx: ir.Value) -> Gradients:
    return [dx, *[None] * (len(node.inputs) - 1)]


def _kept(op: Builder, node: Step, value: ir.Value) -> ir.Value:
    """``value``, which has y's shape, with the reduced axes kept at size 1."""
    axes = reduced_axes(node)
    if node.attributes.get("keepdims", 1) or not axes:
        return value
    result: ir.Value = op.Unsqueeze(value, axes)
    return result


def _everywhere(op: Builder, node: Step, value: ir.Value) -> ir.Value:
    """``value``, which has y's shape, repeated along the reduced axes to the shape of x."""
    axes = reduced_axes(node)
    size = [size_of(node.x, axis) if axis in axes else 1 for axis in range(len(shape_of(node.x)))]
    result: ir.Value = op.Expand(_kept(op, node, value), size)
    return result


def _shared(op: Builder, node: Step, dy: ir.Value) -> ir.Value:
    axes = reduced_axes(node)
    taken = op.Cast(op.Equal(node.x, _kept(op, node, node.y)), to=int(op.dtype))
    count = op.ReduceSum(taken, axes, keepdims=1) if axes else taken
    result: ir.Value = op.Mul(op.Div(_kept(op, node, dy), count), taken)
    return result
