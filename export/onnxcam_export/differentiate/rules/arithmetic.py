"""Element-wise arithmetic: Add, Mul, Pow, Where, …. ``onnxcam_export.differentiate.rule`` undoes broadcasting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.graph.expressions import total
from onnxcam_export.graph.steps import Step, is_constant

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule(broadcasts=True)
def Add(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``da = dy, db = dy``."""
    return [dy, dy]


@rule(broadcasts=True)
def Sub(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``da = dy, db = -dy``."""
    return [dy, op.Neg(dy)]


@rule(broadcasts=True)
def Mul(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``da = dy b, db = dy a``."""
    a, b = step.inputs
    return [op.Mul(dy, b), op.Mul(dy, a)]


@rule(broadcasts=True)
def Div(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``da = dy / b, db = -dy y / b``."""
    da = op.Div(dy, step.inputs[1])
    return [da, op.Neg(op.Mul(da, step.y))]


@rule(broadcasts=True)
def Pow(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``da = dy b a^(b - 1), db = dy y ln(a)``."""
    a, b = step.inputs
    exponent = op.Cast(b, to=int(op.dtype))
    da = op.Mul(dy, op.Mul(exponent, op.Pow(a, op.Sub(exponent, 1.0))))
    return [da, None if is_constant(b) else op.Mul(dy, op.Mul(step.y, op.Log(a)))]


@rule(broadcasts=True)
def Mod(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``da = dy, db = -dy q`` for ``y = a - q b``, q the quotient rounded towards zero."""
    a, b = step.inputs
    quotient = None if is_constant(b) else op.Round(op.Div(op.Sub(a, step.y), b))
    return [dy, None if quotient is None else op.Neg(op.Mul(dy, quotient))]


@rule(broadcasts=True)
def Sum(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx_i = dy``."""
    return [dy] * len(step.inputs)


@rule(broadcasts=True)
def Mean(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx_i = dy / n``."""
    return [op.Mul(dy, 1 / len(step.inputs))] * len(step.inputs)


@rule(broadcasts=True)
def Max(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx_i = dy [x_i = y]``, in equal parts if several are equal, as in PyTorch's ``maximum`` and ``amax``."""
    return _shared(op, step.inputs, step.y, dy)


@rule(broadcasts=True)
def Min(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx_i = dy [x_i = y]``, in equal parts if several are equal."""
    return _shared(op, step.inputs, step.y, dy)


@rule(broadcasts=True)
def Where(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``da = dy c, db = dy (1 - c)`` for the condition c as 1 and 0."""
    c = op.Cast(step.x, to=int(op.dtype))
    return [None, op.Mul(dy, c), op.Mul(dy, op.Sub(1.0, c))]


def _shared(op: Builder, inputs: Sequence[ir.Value | None], y: ir.Value, dy: ir.Value) -> Gradients:
    if len(inputs) == 1:
        return [dy]
    taken = [op.Cast(op.Equal(x, y), to=int(op.dtype)) for x in inputs]
    share = op.Div(dy, total(op, taken))
    return [op.Mul(share, part) for part in taken]
