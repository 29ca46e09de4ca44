"""Element-wise functions of one input that are not activations: Exp, Sqrt, Cast, …."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from onnxcam_export.differentiate.rule import Gradients, rule

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder
    from onnxcam_export.graph.steps import Step


@rule
def Identity(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy``."""
    return [dy]


@rule
def Dropout(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy``, since nothing is dropped in inference."""
    return [dy]


@rule
def Cast(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` in the input's type; 0 for a cast to integers."""
    assert step.x.dtype is not None  # noqa: S101 — the walk passes through values of known type only
    if step.y.dtype is None or not step.y.dtype.is_floating_point():
        return [None]
    return [op.Cast(dy, to=int(step.x.dtype))]


@rule
def CastLike(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` in the input's type."""
    return [*Cast(op, step, dy)]


@rule
def Neg(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = -dy``."""
    return [op.Neg(dy)]


@rule
def Abs(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy sign(x)``."""
    return [op.Mul(dy, op.Sign(step.x))]


@rule
def Reciprocal(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = -dy y^2``."""
    return [op.Neg(op.Mul(dy, op.Mul(step.y, step.y)))]


@rule
def Sqrt(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / (2 y)``."""
    return [op.Div(dy, op.Mul(step.y, 2.0))]


@rule
def Exp(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy y``."""
    return [op.Mul(dy, step.y)]


@rule
def Log(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / x``."""
    return [op.Div(dy, step.x)]


@rule
def Erf(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy 2/sqrt(pi) e^(-x^2)``."""
    bell = op.Exp(op.Neg(op.Mul(step.x, step.x)))
    return [op.Mul(dy, op.Mul(bell, 2 / math.sqrt(math.pi)))]


@rule
def Floor(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = 0``."""
    return [None]


@rule
def Ceil(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = 0``."""
    return [None]


@rule
def Round(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = 0``."""
    return [None]


@rule
def Sign(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = 0``."""
    return [None]


@rule
def Hardmax(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = 0``."""
    return [None]
