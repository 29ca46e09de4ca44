"""Arithmetic, element by element. Broadcasting is undone by the registry, not here."""

# ruff: noqa: N802 — a rule is named after its operator

from __future__ import annotations

import math

import onnx_ir as ir

from onnxcam_export.builder import Builder
from onnxcam_export.rules.registry import Gradients, rule
from onnxcam_export.steps import Step


@rule(broadcasts=True)
def Add(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``da = dy, db = dy``."""
    return [dy, dy]


@rule(broadcasts=True)
def Sub(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``da = dy, db = -dy``."""
    return [dy, op.Neg(dy)]


@rule(broadcasts=True)
def Mul(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``da = dy b, db = dy a``."""
    a, b = node.inputs
    return [op.Mul(dy, b), op.Mul(dy, a)]


@rule(broadcasts=True)
def Div(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``da = dy / b, db = -dy y / b``."""
    da = op.Div(dy, node.inputs[1])
    return [da, op.Neg(op.Mul(da, node.y))]


@rule(broadcasts=True)
def Pow(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``da = dy b a^(b - 1), db = dy y ln(a)``."""
    a, b = node.inputs
    exponent = op.Cast(b, to=int(op.dtype))
    da = op.Mul(dy, op.Mul(exponent, op.Pow(a, op.Sub(exponent, 1.0))))
    return [da, op.Mul(dy, op.Mul(node.y, op.Log(a)))]


@rule
def Sqrt(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / (2 y)``."""
    return [op.Div(dy, op.Mul(node.y, 2.0))]


@rule
def Exp(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy y``."""
    return [op.Mul(dy, node.y)]


@rule
def Log(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / x``."""
    return [op.Div(dy, node.x)]


@rule
def Neg(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = -dy``."""
    return [op.Neg(dy)]


@rule
def Abs(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy sign(x)``."""
    return [op.Mul(dy, op.Sign(node.x))]


@rule
def Reciprocal(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = -dy y^2``."""
    return [op.Neg(op.Mul(dy, op.Mul(node.y, node.y)))]


@rule
def Erf(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy 2/sqrt(pi) e^(-x^2)``."""
    bell = op.Exp(op.Neg(op.Mul(node.x, node.x)))
    return [op.Mul(dy, op.Mul(bell, 2 / math.sqrt(math.pi)))]


@rule
def Identity(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy``."""
    return [dy]


@rule
def Dropout(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy``: in inference nothing is dropped."""
    return [dy, *[None] * (len(node.inputs) - 1)]


@rule
def Cast(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy``, in the input's type."""
    assert node.x.dtype is not None  # noqa: S101 — the walk passes through values of known type only
    return [op.Cast(dy, to=int(node.x.dtype))]
