"""Rectifier-like activations: they let through what is positive and suppress what is negative.

``dx = dy * f'(x)``, written with the output ``y`` wherever it tells the same: that is cheaper, and leaves what
computes x free to be fused with the activation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.graph.steps import Step, is_constant

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def Relu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [y > 0]``, read off the output."""
    return [op.Mul(dy, op.positive(node.y))]


@rule
def LeakyRelu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * (alpha + (1 - alpha) [x > 0])``."""
    alpha = float(node.attributes.get("alpha", 0.01))
    return [op.Mul(dy, op.Add(op.Mul(op.positive(node.x), 1 - alpha), alpha))]


@rule
def PRelu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * (s + (1 - s) [x > 0])`` for a slope s of each channel."""
    slope = node.inputs[1]
    rest = (op.once if is_constant(slope) else op).Sub(1.0, slope)
    return [op.Mul(dy, op.Add(op.Mul(op.positive(node.x), rest), slope)), None]


@rule
def ThresholdedRelu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [x > alpha]``."""
    return [op.Mul(dy, op.above(node.x, float(node.attributes.get("alpha", 1.0))))]


@rule
def Clip(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [low < y < high]``, as ``[(y - low) (high - y) > 0]``."""
    low, high = clip_bounds(node)
    room = []
    if low > -math.inf:
        room.append(node.y if low == 0.0 else op.Sub(node.y, low))
    if high < math.inf:
        room.append(op.Sub(high, node.y))
    if room:
        dy = op.Mul(dy, op.positive(room[0] if len(room) == 1 else op.Mul(*room)))
    return [dy, *[None] * (len(node.inputs) - 1)]


@rule
def Elu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``f' = 1`` above zero and ``y + alpha`` below."""
    return [op.Mul(dy, _exponential_slope(op, node, above=1.0, below=float(node.attributes.get("alpha", 1.0))))]


@rule
def Celu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``f' = 1`` above zero and ``y/alpha + 1`` below."""
    alpha = float(node.attributes.get("alpha", 1.0))
    return [op.Mul(dy, op.Add(op.Mul(op.Min(node.y, 0.0), 1 / alpha), 1.0))]


@rule
def Selu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``f' = gamma`` above zero and ``y + gamma alpha`` below."""
    alpha = float(node.attributes.get("alpha", 1.67326319217681884765625))
    gamma = float(node.attributes.get("gamma", 1.05070102214813232421875))
    return [op.Mul(dy, _exponential_slope(op, node, above=gamma, below=gamma * alpha))]


@rule
def Shrink(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [|x| > lambd]``."""
    return [op.Mul(dy, op.above(op.Abs(node.x), float(node.attributes.get("lambd", 0.5))))]


def clip_bounds(node: Step) -> tuple[float, float]:
    """The constant bounds of a Clip, infinite where left out."""
    low, high = (node.constant(index) for index in (1, 2))
    return (
        -math.inf if low is None else float(np.asarray(low).item()),
        math.inf if high is None else float(np.asarray(high).item()),
    )


def _exponential_slope(op: Builder, node: Step, *, above: float, below: float) -> ir.Value:
    """``above`` where ``x > 0``, and ``y + below`` elsewhere."""
    slope = op.Add(op.Min(node.y, 0.0), below)
    if above != below:
        slope = op.Add(slope, op.Mul(op.positive(node.x), above - below))
    result: ir.Value = slope
    return result
