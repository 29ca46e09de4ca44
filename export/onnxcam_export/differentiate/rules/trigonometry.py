"""Trigonometric functions and their inverses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.differentiate.rule import Gradients, rule

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder
    from onnxcam_export.graph.steps import Step


@rule
def Sin(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy cos(x)``."""
    return [op.Mul(dy, op.Cos(step.x))]


@rule
def Cos(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = -dy sin(x)``."""
    return [op.Neg(op.Mul(dy, op.Sin(step.x)))]


@rule
def Tan(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy (1 + y^2)``."""
    return [op.Mul(dy, op.Add(op.Mul(step.y, step.y), 1.0))]


@rule
def Asin(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / sqrt(1 - x^2)``, which is ``dy / cos(y)``."""
    return [op.Div(dy, op.Cos(step.y))]


@rule
def Acos(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = -dy / sqrt(1 - x^2)``, which is ``-dy / sin(y)``."""
    return [op.Neg(op.Div(dy, op.Sin(step.y)))]


@rule
def Atan(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / (1 + x^2)``."""
    return [op.Div(dy, op.Add(op.Mul(step.x, step.x), 1.0))]


@rule
def Cosh(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy sinh(x)``."""
    return [op.Mul(dy, op.Sinh(step.x))]


@rule
def Asinh(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / sqrt(x^2 + 1)``."""
    return [op.Div(dy, op.Sqrt(op.Add(op.Mul(step.x, step.x), 1.0)))]


@rule
def Acosh(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / sqrt(x^2 - 1)``."""
    return [op.Div(dy, op.Sqrt(op.Sub(op.Mul(step.x, step.x), 1.0)))]


@rule
def Atanh(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / (1 - x^2)``."""
    return [op.Div(dy, op.Sub(1.0, op.Mul(step.x, step.x)))]
