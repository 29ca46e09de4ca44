"""Rectifier-like activations, which pass positive values and suppress negative ones.

``dx = dy * f'(x)``, written with the output ``y`` wherever possible. That is cheaper, and ONNX Runtime can fuse the
activation with the operator that computes x.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.graph.expressions import above, positive

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder
    from onnxcam_export.graph.steps import Step


def _clip_bounds(step: Step) -> tuple[float, float]:
    """The constant bounds of a Clip; infinite if left out."""
    low, high = (step.constant(index) for index in (1, 2))
    return (
        -math.inf if low is None else float(np.asarray(low).item()),
        math.inf if high is None else float(np.asarray(high).item()),
    )


def _clips_from_zero(step: Step) -> bool:
    """Whether a Clip is a bounded ReLU, and not a gate."""
    low, high = _clip_bounds(step)
    return low == 0.0 < high


@rule(rectifies=True, zero_below_zero=True)
def Relu(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [y > 0]``."""
    return [op.Mul(dy, positive(op, step.y))]


@rule(rectifies=True)
def LeakyRelu(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * (alpha + (1 - alpha) [x > 0])``."""
    alpha = float(step.attributes.get("alpha", 0.01))
    return [op.Mul(dy, op.Add(op.Mul(positive(op, step.x), 1 - alpha), alpha))]


@rule(rectifies=True)
def PRelu(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * (s + (1 - s) [x > 0])``, with one slope s per channel."""
    slope = step.inputs[1]
    rest = op.Sub(1.0, slope)
    return [op.Mul(dy, op.Add(op.Mul(positive(op, step.x), rest), slope))]


@rule(rectifies=True, zero_below_zero=lambda step: step.attributes.get("alpha", 1.0) >= 0)
def ThresholdedRelu(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [x > alpha]``."""
    return [op.Mul(dy, above(op, step.x, float(step.attributes.get("alpha", 1.0))))]


@rule(rectifies=_clips_from_zero, zero_below_zero=True)
def Clip(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [low < y < high]``, as ``[(y - low) (high - y) > 0]``."""
    low, high = _clip_bounds(step)
    room = []
    if low > -math.inf:
        room.append(step.y if low == 0.0 else op.Sub(step.y, low))
    if high < math.inf:
        room.append(op.Sub(high, step.y))
    if room:
        dy = op.Mul(dy, positive(op, room[0] if len(room) == 1 else op.Mul(*room)))
    return [dy]


@rule(rectifies=True)
def Elu(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * f'(x)`` with ``f' = 1`` above zero and ``y + alpha`` below."""
    return [op.Mul(dy, _exponential_slope(op, step, above=1.0, below=float(step.attributes.get("alpha", 1.0))))]


@rule(rectifies=True)
def Celu(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * f'(x)`` with ``f' = 1`` above zero and ``y/alpha + 1`` below."""
    alpha = float(step.attributes.get("alpha", 1.0))
    return [op.Mul(dy, op.Add(op.Mul(op.Min(step.y, 0.0), 1 / alpha), 1.0))]


@rule(rectifies=True)
def Selu(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * f'(x)`` with ``f' = gamma`` above zero and ``y + gamma alpha`` below."""
    alpha = float(step.attributes.get("alpha", 1.67326319217681884765625))
    gamma = float(step.attributes.get("gamma", 1.05070102214813232421875))
    return [op.Mul(dy, _exponential_slope(op, step, above=gamma, below=gamma * alpha))]


@rule
def Shrink(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [|x| > lambd]``."""
    return [op.Mul(dy, above(op, op.Abs(step.x), float(step.attributes.get("lambd", 0.5))))]


def _exponential_slope(op: Builder, step: Step, *, above: float, below: float) -> ir.Value:
    """``above`` where ``x > 0``, and ``y + below`` elsewhere."""
    slope = op.Add(op.Min(step.y, 0.0), below)
    if above != below:
        slope = op.Add(slope, op.Mul(positive(op, step.x), above - below))
    return slope
