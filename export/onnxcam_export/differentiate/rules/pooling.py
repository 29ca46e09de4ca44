"""Pooling by windows and of whole maps, in one to three dimensions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.differentiate.lowering.axis_matrices import apply_transposed, pooling_matrices
from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.differentiate.rules.indexing import scatter_added
from onnxcam_export.graph.expressions import one_hot, reshape_rows
from onnxcam_export.graph.steps import Step, shape_of, static_shape

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def MaxPool(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx[i] = sum of the dy whose window's first maximum is i``.

    The indices are computed here and not in the forward pass, because a MaxPool that returns them is many times slower.
    Comparing each position of the window with the maximum needs no indices, but is not faster in general: VGG-16's
    first pooling takes 18.0 ms so and 19.7 by indices on one thread, but 14.4 and 10.9 on two.
    """
    size, size_out = static_shape(step.x), static_shape(step.y)
    channels, area, area_out = size[0], math.prod(size[1:]), math.prod(size_out[1:])
    attributes = {name: value for name, value in step.attributes.items() if name != "storage_order"}
    _, index = op.outputs(2).MaxPool(step.x, **attributes)
    # ONNX's indices count through the whole batch; here they must count within each channel's map.
    index = op.Sub(op.Reshape(index, [-1, channels, area_out]), _map_starts(op, step.x, channels, area))
    dy = op.Reshape(dy, [-1, channels, area_out])
    dx = scatter_added(op, dy, op.Expand(index, op.Shape(dy)), [channels, area], axis=2)
    return [reshape_rows(op, dx, size)]


def _map_starts(op: Builder, x: ir.Value, channels: int, area: int) -> ir.Value:
    """int64 [N, K, 1]: the first index of each map in the flattened batch. A remainder takes six times as long."""
    zero, one = np.asarray(0, np.int64), np.asarray(1, np.int64)
    image = op.Mul(op.Range(zero, op.Squeeze(op.Shape(x, start=0, end=1), [0]), one), channels * area)
    return op.Add(op.Unsqueeze(image, [1, 2]), np.arange(channels, dtype=np.int64)[:, None] * area)


@rule
def AveragePool(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dX = A^T dY`` along each spatial axis, A the matrix that averages over the windows of one axis."""
    return [apply_transposed(op, dy, pooling_matrices(step), shape_of(step.y))]


@rule
def LpPool(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = sign(x) |x|^(p-1) A^T(dy / y^(p-1))``, A the matrix that sums over the windows."""
    p = int(step.attributes.get("p", 2))
    spread = apply_transposed(op, _per_norm(op, dy, step.y, p), pooling_matrices(step), shape_of(step.y))
    return [op.Mul(spread, _signed_power(op, step.x, p - 1))]


@rule
def GlobalAveragePool(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / (h w)`` everywhere."""
    size = static_shape(step.x)
    return [op.Expand(op.Mul(dy, 1 / math.prod(size[1:])), [1, *size])]


@rule
def GlobalMaxPool(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` at the first maximum of each map."""
    size = static_shape(step.x)
    area = math.prod(size[1:])
    first = op.ArgMax(op.Reshape(step.x, [-1, size[0], area]), axis=2, keepdims=0)
    here = one_hot(op, first, area)
    return [reshape_rows(op, op.Mul(here, op.Reshape(dy, [-1, size[0], 1])), size)]


@rule
def GlobalLpPool(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = sign(x) |x|^(p-1) dy / y^(p-1)``."""
    p = int(step.attributes.get("p", 2))
    return [op.Mul(_per_norm(op, dy, step.y, p), _signed_power(op, step.x, p - 1))]


def _per_norm(op: Builder, dy: ir.Value, y: ir.Value, p: int) -> ir.Value:
    """``dy / y^(p-1)``, and 0 where y is."""
    if p == 1:
        return dy
    norm = op.Max(y, float(np.finfo(op.dtype.numpy()).tiny))
    return op.Div(op.Mul(dy, op.Sign(y)), norm if p == 2 else op.Pow(norm, float(p - 1)))


def _signed_power(op: Builder, x: ir.Value, exponent: int) -> ir.Value:
    """``sign(x) |x|^exponent``."""
    if exponent == 1:
        return x
    return op.Sign(x) if exponent == 0 else op.Mul(op.Sign(x), op.Pow(op.Abs(x), float(exponent)))
