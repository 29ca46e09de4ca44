"""Activations: ``dx = dy * f'(x)``, written with the output ``y`` where that is cheaper."""

# ruff: noqa: N802 — a rule is named after its operator

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from onnxcam_export.builder import Builder
from onnxcam_export.rules.registry import Gradients, rule
from onnxcam_export.steps import Step


@rule
def Relu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [x > 0]``, read off the output, which leaves Conv and Relu free to be fused."""
    return [op.Mul(dy, op.Sign(node.y))]


@rule
def LeakyRelu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * (alpha + (1 - alpha) [x > 0])``."""
    alpha = node.attributes.get("alpha", 0.01)
    return [op.Mul(dy, op.Add(op.Mul(op.positive(node.x), 1 - alpha), alpha))]


@rule
def PRelu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * (s + (1 - s) [x > 0])`` for a slope s for each channel."""
    slope = node.inputs[1]
    return [op.Mul(dy, op.Add(op.Mul(op.positive(node.x), op.Sub(1.0, slope)), slope)), None]


@rule
def ThresholdedRelu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [x > alpha]``."""
    above = op.Cast(op.Greater(node.x, float(node.attributes.get("alpha", 1.0))), to=int(op.dtype))
    return [op.Mul(dy, above)]


@rule
def Clip(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * [low < x < high]``, read off the output."""
    low, high = clip_bounds(node)
    inside = dy
    if low == 0.0:
        inside = op.Mul(inside, op.Sign(node.y))
    elif low > -math.inf:
        inside = op.Mul(inside, op.positive(op.Sub(node.y, low)))
    if high < math.inf:
        inside = op.Mul(inside, op.Sign(op.Sub(high, node.y)))
    return [inside, *[None] * (len(node.inputs) - 1)]


@rule
def Elu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * min(alpha e^x, 1)`` below zero and dy above: ``f' = [x > 0] + alpha e^min(x, 0) [x <= 0]``."""
    return [_exponential(op, node, dy, scale=1.0, alpha=node.attributes.get("alpha", 1.0), tempo=1.0)]


@rule
def Celu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``f' = [x > 0] + e^(min(x, 0)/alpha) [x <= 0]``."""
    alpha = node.attributes.get("alpha", 1.0)
    return [_exponential(op, node, dy, scale=1.0, alpha=1.0, tempo=1 / alpha)]


@rule
def Selu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``f' = gamma ([x > 0] + alpha e^min(x, 0) [x <= 0])``."""
    alpha = node.attributes.get("alpha", 1.67326319217681884765625)
    gamma = node.attributes.get("gamma", 1.05070102214813232421875)
    return [_exponential(op, node, dy, scale=gamma, alpha=alpha, tempo=1.0)]


@rule
def Sigmoid(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * y (1 - y)``."""
    return [op.Mul(dy, op.Mul(node.y, op.Sub(1.0, node.y)))]


@rule
def Tanh(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * (1 - y^2)``."""
    return [op.Mul(dy, op.Sub(1.0, op.Mul(node.y, node.y)))]


@rule
def HardSigmoid(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * alpha [0 < y < 1]``."""
    inside = op.Sign(op.Mul(node.y, op.Sub(1.0, node.y)))
    return [op.Mul(dy, op.Mul(inside, float(node.attributes.get("alpha", 0.2))))]


@rule
def HardSwish(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``f' = clip(x/3 + 1/2, 0, 1)`` inside ``|x| < 3``, and [x > 0] outside it."""
    x = node.x
    inside = op.positive(op.Sub(3.0, op.Abs(x)))
    slope = op.Add(op.Mul(x, 1 / 3), 0.5)
    outside = op.Mul(op.positive(x), op.Sub(1.0, inside))
    return [op.Mul(dy, op.Add(op.Mul(inside, slope), outside))]


@rule
def Swish(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``f' = s (1 + a x (1 - s))`` with ``s = sigmoid(a x)``, for ``y = x s`` (SiLU where a = 1)."""
    alpha = float(node.attributes.get("alpha", 1.0))
    scaled = node.x if alpha == 1.0 else op.Mul(node.x, alpha)
    s = op.Sigmoid(scaled)
    return [op.Mul(dy, op.Mul(s, op.Add(op.Mul(scaled, op.Sub(1.0, s)), 1.0)))]


@rule
def Gelu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``f' = Phi(x) + x phi(x)``; with ``approximate="tanh"`` the derivative of that approximation."""
    x = node.x
    if node.attributes.get("approximate", "none") == "tanh":
        square = op.Mul(x, x)
        root = math.sqrt(2 / math.pi)
        t = op.Tanh(op.Mul(op.Mul(x, root), op.Add(op.Mul(square, 0.044715), 1.0)))
        inner = op.Add(op.Mul(square, 3 * 0.044715 * root), root)
        bell = op.Mul(op.Sub(1.0, op.Mul(t, t)), inner)
        slope = op.Mul(op.Add(op.Add(t, 1.0), op.Mul(x, bell)), 0.5)
    else:
        cumulative = op.Mul(op.Add(op.Erf(op.Mul(x, math.sqrt(0.5))), 1.0), 0.5)
        density = op.Mul(op.Exp(op.Mul(op.Mul(x, x), -0.5)), 1 / math.sqrt(2 * math.pi))
        slope = op.Add(cumulative, op.Mul(x, density))
    return [op.Mul(dy, slope)]


@rule
def Mish(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``f' = t + x sigmoid(x) (1 - t^2)`` with ``t = tanh(softplus(x))``."""
    x = node.x
    t = op.Tanh(op.Softplus(x))
    return [op.Mul(dy, op.Add(t, op.Mul(op.Mul(x, op.Sigmoid(x)), op.Sub(1.0, op.Mul(t, t)))))]


@rule
def Softplus(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * sigmoid(x)``."""
    return [op.Mul(dy, op.Sigmoid(node.x))]


@rule
def Softsign(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / (1 + |x|)^2``."""
    denominator = op.Add(op.Abs(node.x), 1.0)
    return [op.Div(dy, op.Mul(denominator, denominator))]


@rule
def Softmax(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = y (dy - sum(dy y))`` along the axis."""
    axis = int(node.attributes.get("axis", -1))
    inner = op.ReduceSum(op.Mul(dy, node.y), [axis], keepdims=1)
    return [op.Mul(node.y, op.Sub(dy, inner))]


@rule
def LogSoftmax(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy - e^y sum(dy)`` along the axis."""
    axis = int(node.attributes.get("axis", -1))
    return [op.Sub(dy, op.Mul(op.Exp(node.y), op.ReduceSum(dy, [axis], keepdims=1)))]


def clip_bounds(node: Step) -> tuple[float, float]:
    """The constant bounds of a Clip, infinite where left out."""
    low, high = (node.constant(index) for index in (1, 2))
    return (
        -math.inf if low is None else float(np.asarray(low).item()),
        math.inf if high is None else float(np.asarray(high).item()),
    )


def rectifies(node: Step) -> bool:
    """Whether the guided rule applies: a Clip is a rectifier only where it cuts at zero."""
    return node.op_type != "Clip" or clip_bounds(node)[0] == 0.0


def zero_below_zero(node: Step) -> bool:
    """Whether f' is zero for every x <= 0 already."""
    return node.op_type in {"Relu", "Clip"} or (
        node.op_type == "ThresholdedRelu" and node.attributes.get("alpha", 1.0) >= 0
    )


def _exponential(op: Builder, node: Step, dy: ir.Value, *, scale: float, alpha: float, tempo: float) -> ir.Value:
    """``dy * scale * (p + (1 - p) alpha e^(tempo min(x, 0)))`` with ``p = [x > 0]``."""
    p = op.positive(node.x)
    below = op.Mul(op.Exp(op.Mul(op.Min(node.x, 0.0), float(tempo))), float(alpha))
    slope = op.Add(p, op.Mul(op.Sub(1.0, p), below))
    if scale != 1.0:
        slope = op.Mul(slope, float(scale))
    result: ir.Value = op.Mul(dy, slope)
    return result
