"""The table of rules, and the decorator that fills it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, overload

import onnx_ir as ir

from onnxcam_export.errors import ShapeError
from onnxcam_export.graph.steps import Step, is_constant, shape_of

if TYPE_CHECKING:
    from onnxcam_export.graph.builder import Builder

Gradients = Sequence[ir.Value | None]
Formula = Callable[..., Gradients]
F = TypeVar("F", bound=Formula)


@dataclass(frozen=True, slots=True)
class Rule:
    """The gradient of one operator.

    Attributes:
        op_type: The operator's name; ``domain::name`` outside the default domain.
        formula: ``(op, node, dy) -> [dx, …]``; operators with several outputs take one ``dy`` for each.
        broadcasts: Whether the operator broadcasts its inputs against each other. The formula then returns gradients
            of the output's shape, and they are summed down to the inputs' here.
    """

    op_type: str
    formula: Formula
    broadcasts: bool = False

    def __call__(self, op: Builder, node: Step, dy: Sequence[ir.Value | None]) -> Gradients:
        """The gradient of each input of ``node``, given that of each output (None where nothing reads it)."""
        last = max(index for index, value in enumerate(dy) if value is not None)
        gradients = self.formula(op, node, *dy[: last + 1])
        if len(gradients) != len(node.inputs):
            raise TypeError(
                f"the rule for {self.op_type} returned {len(gradients)} gradients for {len(node.inputs)} inputs; "
                "return one for each input, None where there is none"
            )
        if not self.broadcasts:
            return gradients
        return [
            None if x is None or dx is None or is_constant(x) else sum_to(op, dx, shape_of(node.y), shape_of(x))
            for x, dx in zip(node.inputs, gradients, strict=True)
        ]


PLAIN: dict[str, Rule] = {}


@overload
def rule(formula: F, /) -> F: ...
@overload
def rule(*, op_type: str | None = None, broadcasts: bool = False) -> Callable[[F], F]: ...
def rule(formula: F | None = None, /, *, op_type: str | None = None, broadcasts: bool = False) -> F | Callable[[F], F]:
    """Registers a function as the gradient rule of the operator it is named after.

    Args:
        formula: ``(op, node, dy) -> [dx, …]``, one entry for each input, None where there is no gradient.
        op_type: The operator, where it is not the function's name, e.g. ``com.microsoft::FusedConv``.
        broadcasts: Whether the operator broadcasts its inputs; gradients are then summed to the inputs' shapes.

    Raises:
        ValueError: The operator has a rule already.
    """

    def register(formula: F) -> F:
        name = op_type or formula.__name__
        if name in PLAIN:
            raise ValueError(f"{name} has a rule already ({PLAIN[name].formula.__module__}); remove one of the two")
        PLAIN[name] = Rule(name, formula, broadcasts)
        return formula

    return register if formula is None else register(formula)


def sum_to(op: Builder, dx: ir.Value, y_shape: Sequence[int | None], x_shape: Sequence[int | None]) -> ir.Value:
    """Undoes broadcasting: sums ``dx``, which has ``y_shape``, to ``x_shape``; its M rows stay rows."""
    extra = len(y_shape) - len(x_shape)
    if extra and None in x_shape:
        raise ShapeError(
            f"a value of shape {list(x_shape)} is broadcast to {list(y_shape)}, and so its batch stands on another "
            "axis; write the broadcast with Unsqueeze in front"
        )
    padded = (*[1] * extra, *x_shape)
    axes = [axis for axis, (dim, to) in enumerate(zip(y_shape, padded, strict=True)) if to == 1 and dim != 1]
    if axes:
        dx = op.ReduceSum(dx, axes, keepdims=1)
    return op.Squeeze(dx, list(range(extra))) if extra else dx
