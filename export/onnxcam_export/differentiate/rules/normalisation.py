"""Normalisation in inference: batch statistics are constants, all other statistics depend on the input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.errors import OperatorError
from onnxcam_export.graph.expressions import cast_like, reshape_rows
from onnxcam_export.graph.steps import Step, shape_of, static_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam_export.graph.builder import Builder


@rule
def BatchNormalization(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * scale / sqrt(var + epsilon)``, one factor for each channel."""
    if step.attributes.get("training_mode", 0):
        raise OperatorError(f"{step} is in training mode and mixes the images of a batch; export in evaluation mode")
    _, scale, _, _, var = step.inputs
    assert scale is not None  # noqa: S101 — required by the operator
    assert var is not None  # noqa: S101 — the same
    wide = op.typed(var.dtype or op.dtype)
    deviation = wide.Sqrt(wide.Add(var, float(step.attributes.get("epsilon", 1e-5))))
    factor = op.Div(cast_like(op, scale, scale.dtype), cast_like(op, deviation, wide.dtype))
    return [op.Mul(dy, op.Reshape(factor, [-1, *[1] * (len(shape_of(step.x)) - 2)]))]


@rule
def LayerNormalization(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = r (g - mean(g) - z mean(g z))``, z the normalised input, ``r = 1/std``, ``g = dy * scale``."""
    rank = len(shape_of(step.x))
    axes = list(range(int(step.attributes.get("axis", -1)) % rank, rank))
    return [_standardised(op, step, step.x, op.Mul(dy, step.inputs[1]), axes)]


@rule
def RMSNormalization(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = r (g - z mean(g z))``, ``z = r x``, ``r = 1/sqrt(mean(x^2) + epsilon)``, ``g = dy * scale``."""
    rank = len(shape_of(step.x))
    axes = list(range(int(step.attributes.get("axis", -1)) % rank, rank))
    return [_standardised(op, step, step.x, op.Mul(dy, step.inputs[1]), axes, centred=False)]


@rule
def InstanceNormalization(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = r (g - mean(g) - z mean(g z))``, as in LayerNormalization, over each channel's map."""
    rank = len(shape_of(step.x))
    g = op.Mul(dy, _for_channels(op, step.inputs[1], rank))
    return [_standardised(op, step, step.x, g, list(range(2, rank)))]


@rule
def GroupNormalization(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = r (g - mean(g) - z mean(g z))``, as in LayerNormalization, over the maps of each group of channels."""
    scale, groups, size = step.inputs[1], int(step.attributes["num_groups"]), static_shape(step.x)
    grouped = [groups, size[0] // groups * math.prod(size[1:])]
    g = reshape_rows(op, op.Mul(dy, _for_channels(op, scale, len(size) + 1)), grouped)
    dx = _standardised(op, step, reshape_rows(op, step.x, grouped), g, [2])
    return [reshape_rows(op, dx, size)]


@rule
def MeanVarianceNormalization(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = r (dy - mean(dy) - y mean(dy y))`` over the axes."""
    axes = list(step.attributes.get("axes", [0, 2, 3]))
    if 0 in axes:
        raise OperatorError(f"{step} normalises over the batch, which mixes the images; set its axes without 0")
    return [_standardised(op, step, step.x, dy, axes, epsilon=1e-9)]


@rule
def LRN(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy d^-beta - 2 alpha beta x mean(dy y / d)`` over neighbouring channels, ``y = x d^-beta``."""
    alpha, beta = float(step.attributes.get("alpha", 1e-4)), float(step.attributes.get("beta", 0.75))
    count, size = int(step.attributes["size"]), static_shape(step.x)
    near, far = (count - 1) // 2, count // 2
    mean = _over_channels(op, op.Mul(step.x, step.x), count, [near, far], size)
    d = op.Add(op.Mul(mean, alpha), float(step.attributes.get("bias", 1.0)))
    spread = _over_channels(op, op.Div(op.Mul(dy, step.y), d), count, [far, near], size)
    return [op.Sub(op.Mul(dy, op.Pow(d, -beta)), op.Mul(op.Mul(step.x, 2 * alpha * beta), spread))]


@rule
def LpNormalization(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = (dy - u sum(dy y)) / |x|_p`` along the axis, ``u = sign(x)`` for p = 1 and y for p = 2."""
    axis, p = int(step.attributes.get("axis", -1)), int(step.attributes.get("p", 2))
    norm = (op.ReduceL1 if p == 1 else op.ReduceL2)(step.x, [axis], keepdims=1)
    inner = op.ReduceSum(op.Mul(dy, step.y), [axis], keepdims=1)
    dx = op.Sub(dy, op.Mul(op.Sign(step.x) if p == 1 else step.y, inner))
    return [op.Div(dx, op.Max(norm, float(np.finfo(op.dtype.numpy()).tiny)))]


def _standardised(
    op: Builder,
    step: Step,
    x: ir.Value,
    g: ir.Value,
    axes: Sequence[int],
    *,
    centred: bool = True,
    epsilon: float = 1e-5,
) -> ir.Value:
    """``r (g - mean(g) - z mean(g z))`` over the axes; without ``mean(g)`` if the operator does not centre."""
    wide = op.typed(ir.DataType.FLOAT)  # squares overflow float16
    x, g = (value if wide is op else wide.Cast(value, to=int(wide.dtype)) for value in (x, g))
    offset = wide.Sub(x, wide.ReduceMean(x, axes)) if centred else x
    variance = wide.ReduceMean(wide.Mul(offset, offset), axes)
    r = wide.Reciprocal(wide.Sqrt(wide.Add(variance, float(step.attributes.get("epsilon", epsilon)))))
    z = wide.Mul(offset, r)
    rest = wide.Mul(z, wide.ReduceMean(wide.Mul(g, z), axes))
    dx = wide.Mul(r, wide.Sub(wide.Sub(g, wide.ReduceMean(g, axes)) if centred else g, rest))
    return dx if wide is op else op.Cast(dx, to=int(op.dtype))


def _for_channels(op: Builder, scale: ir.Value | None, rank: int) -> ir.Value:
    """[C] as [C, 1, …], to multiply a value of that rank."""
    return op.Reshape(scale, [-1, *[1] * (rank - 2)])


def _over_channels(op: Builder, x: ir.Value, count: int, pads: Sequence[int], size: Sequence[int]) -> ir.Value:
    """The sum over neighbouring channels, divided by ``count``; channels before the first and after the last are 0."""
    maps = op.Reshape(x, [-1, 1, size[0], math.prod(size[1:])])
    mean = op.AveragePool(maps, kernel_shape=[count, 1], pads=[pads[0], 0, pads[1], 0], count_include_pad=1)
    return reshape_rows(op, mean, size)
