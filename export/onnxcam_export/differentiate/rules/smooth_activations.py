"""Smooth activations and gates: ``dx = dy * f'(x)``, written with the output ``y`` if that is cheaper."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from onnxcam_export.differentiate.rule import Gradients, rule

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder
    from onnxcam_export.graph.steps import Step


@rule
def Sigmoid(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * y (1 - y)``."""
    return [op.Mul(dy, op.Mul(step.y, op.Sub(1.0, step.y)))]


@rule
def Tanh(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * (1 - y^2)``."""
    return [op.Mul(dy, op.Sub(1.0, op.Mul(step.y, step.y)))]


@rule
def HardSigmoid(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * alpha [0 < y < 1]``."""
    inside = op.Sign(op.Mul(step.y, op.Sub(1.0, step.y)))
    return [op.Mul(dy, op.Mul(inside, float(step.attributes.get("alpha", 0.2))))]


@rule(rectifies=True)
def HardSwish(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``f' = h + [0 < h < 1] x / 6`` for ``y = x h``, ``h = clip(x/6 + 1/2, 0, 1)``."""
    h = op.HardSigmoid(step.x, alpha=1 / 6, beta=0.5)
    inside = op.Sign(op.Mul(h, op.Sub(1.0, h)))
    return [op.Mul(dy, op.Add(h, op.Mul(inside, op.Mul(step.x, 1 / 6))))]


@rule(rectifies=True)
def Swish(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``f' = s + a y (1 - s)`` for ``y = x s``, ``s = sigmoid(a x)``; SiLU where a = 1."""
    alpha = float(step.attributes.get("alpha", 1.0))
    s = op.Sigmoid(step.x if alpha == 1.0 else op.Mul(step.x, alpha))
    y = step.y if alpha == 1.0 else op.Mul(step.y, alpha)
    return [op.Mul(dy, op.Add(s, op.Mul(y, op.Sub(1.0, s))))]


@rule(rectifies=True)
def Gelu(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``f' = Phi(x) + x phi(x)``; with ``approximate="tanh"`` the derivative of that approximation."""
    tanh = step.attributes.get("approximate", "none") == "tanh"
    return [op.Mul(dy, _gelu_slope_tanh(op, step.x) if tanh else _gelu_slope(op, step.x))]


@rule(rectifies=True)
def Mish(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``f' = t + x sigmoid(x) (1 - t^2)`` with ``t = tanh(softplus(x))``."""
    x = step.x
    t = op.Tanh(op.Softplus(x))
    return [op.Mul(dy, op.Add(t, op.Mul(op.Mul(x, op.Sigmoid(x)), op.Sub(1.0, op.Mul(t, t)))))]


@rule
def Softplus(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * sigmoid(x)``."""
    return [op.Mul(dy, op.Sigmoid(step.x))]


@rule
def Softsign(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * (1 - |y|)^2``, which is ``dy / (1 + |x|)^2``."""
    root = op.Sub(1.0, op.Abs(step.y))
    return [op.Mul(dy, op.Mul(root, root))]


@rule
def Softmax(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = y (dy - sum(dy y))`` along the axis."""
    axis = int(step.attributes.get("axis", -1))
    inner = op.ReduceSum(op.Mul(dy, step.y), [axis], keepdims=1)
    return [op.Mul(step.y, op.Sub(dy, inner))]


@rule
def LogSoftmax(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy - e^y sum(dy)`` along the axis."""
    axis = int(step.attributes.get("axis", -1))
    return [op.Sub(dy, op.Mul(op.Exp(step.y), op.ReduceSum(dy, [axis], keepdims=1)))]


def _gelu_slope(op: Builder, x: ir.Value) -> ir.Value:
    """``Phi(x) + x phi(x)``, Phi the normal distribution and phi its density."""
    cumulative = op.Mul(op.Add(op.Erf(op.Mul(x, math.sqrt(0.5))), 1.0), 0.5)
    density = op.Mul(op.Exp(op.Mul(op.Mul(x, x), -0.5)), 1 / math.sqrt(2 * math.pi))
    return op.Add(cumulative, op.Mul(x, density))


def _gelu_slope_tanh(op: Builder, x: ir.Value) -> ir.Value:
    """``(1 + t + x (1 - t^2) u') / 2`` with ``t = tanh(u)``, ``u = sqrt(2/pi) (x + 0.044715 x^3)``."""
    root, cubic = math.sqrt(2 / math.pi), 0.044715
    square = op.Mul(x, x)
    t = op.Tanh(op.Mul(x, op.Add(op.Mul(square, cubic * root), root)))
    inner = op.Add(op.Mul(square, 3 * cubic * root), root)
    bell = op.Mul(op.Sub(1.0, op.Mul(t, t)), inner)
    return op.Mul(op.Add(op.Add(t, 1.0), op.Mul(x, bell)), 0.5)
