"""The table of rules, and the decorator that fills it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeVar, overload

import onnx_ir as ir

from onnxcam_export.errors import OperatorError, ShapeError
from onnxcam_export.graph.steps import Step, is_constant, shape_of

if TYPE_CHECKING:
    from onnxcam_export.graph.builder import Builder

Gradients = Sequence[ir.Value | None]
Formula = Callable[..., Gradients]
When = bool | Callable[[Step], bool]
F = TypeVar("F", bound=Formula)


class Treatment(Enum):
    """The kind of gradient that a rule gives at its operator."""

    PLAIN = "plain"
    GUIDED = "guided"
    DECONVNET = "deconvnet"
    OWN = "own"  # a user's formula


@dataclass(frozen=True, slots=True)
class Rule:
    """The gradient of one operator.

    Attributes:
        op_type: The operator's name; ``domain::name`` outside the default domain.
        formula: ``(op, step, dy) -> [dx, …]``, a gradient or None for each input; inputs at the end that never have
            one may be left out. Operators with several outputs take one ``dy`` for each.
        broadcasts: Whether the operator broadcasts its inputs against each other. The formula then returns gradients
            of the output's shape, which are summed to the inputs' shapes here.
        rectifies: Whether the operator is a rectifier-like activation, to which guided backpropagation and deconvnet
            apply; or a function that decides it for a step.
        zero_below_zero: Whether f'(x) is 0 for every x <= 0, so that the guided rule needs no ``[x > 0]``; or a
            function of the step.
        treatment: The kind of gradient that the formula gives at a rectifier.
    """

    op_type: str
    formula: Formula
    broadcasts: bool = False
    rectifies: When = False
    zero_below_zero: When = False
    treatment: Treatment = Treatment.PLAIN

    def __call__(self, op: Builder, step: Step, dy: Sequence[ir.Value | None]) -> Gradients:
        """The gradient of each input of ``step``, from that of each output (None if nothing depends on the output)."""
        last = max(index for index, value in enumerate(dy) if value is not None)
        self._require_taken(step, last)
        gradients = self.formula(op, step, *dy[: last + 1])
        if not 0 < len(gradients) <= len(step.inputs):
            raise TypeError(
                f"the rule for {self.op_type} returned {len(gradients)} gradients for {len(step.inputs)} inputs; "
                "return one for each input, None where there is none"
            )
        gradients = [*gradients, *[None] * (len(step.inputs) - len(gradients))]
        if not self.broadcasts:
            return gradients
        return [
            None if x is None or dx is None or is_constant(x) else sum_to(op, dx, shape_of(step.y), shape_of(x))
            for x, dx in zip(step.inputs, gradients, strict=True)
        ]

    def _require_taken(self, step: Step, last: int) -> None:
        """Refuses the gradient of an output that the formula does not take.

        Raises:
            OperatorError: The score depends on such an output.
        """
        parameters = list(inspect.signature(self.formula).parameters.values())
        several = parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL
        if not several and last > len(parameters) - 3:
            raise OperatorError(
                f"the rule for {self.op_type} does not support the gradient of its output "
                f"{step.outputs[last].name!r}, on which the score depends: {step}; choose a layer between it and the "
                "score"
            )

    def is_rectifier(self, step: Step) -> bool:
        """Whether the guided rule applies to this step."""
        return _holds(self.rectifies, step)

    def is_zero_below_zero(self, step: Step) -> bool:
        """Whether f'(x) is 0 for every x <= 0 at this step."""
        return _holds(self.zero_below_zero, step)


PLAIN: dict[str, Rule] = {}


@overload
def rule(formula: F, /) -> F: ...
@overload
def rule(
    *, op_type: str | None = None, broadcasts: bool = False, rectifies: When = False, zero_below_zero: When = False
) -> Callable[[F], F]: ...
def rule(
    formula: F | None = None,
    /,
    *,
    op_type: str | None = None,
    broadcasts: bool = False,
    rectifies: When = False,
    zero_below_zero: When = False,
) -> F | Callable[[F], F]:
    """Registers a function as the gradient rule of the operator it is named after.

    Args:
        formula: ``(op, step, dy) -> [dx, …]``, a gradient or None for each input; inputs at the end that never have
            one may be left out.
        op_type: The operator, if it is not the function's name, e.g. ``com.microsoft::FusedConv``.
        broadcasts: Whether the operator broadcasts its inputs; gradients are then summed to the inputs' shapes.
        rectifies: Whether it is a rectifier-like activation, to which guided backpropagation applies as to a ReLU; a
            function of the step if that depends on attributes or constants.
        zero_below_zero: Whether its derivative is 0 for every x <= 0, or a function of the step; guided backpropagation
            then needs no mask of its own.

    Raises:
        ValueError: The operator has a rule already.
    """

    def register(formula: F) -> F:
        name = op_type or formula.__name__
        if name in PLAIN:
            raise ValueError(f"{name} has a rule already ({PLAIN[name].formula.__module__}); remove one of the two")
        PLAIN[name] = Rule(name, formula, broadcasts, rectifies, zero_below_zero)
        return formula

    return register if formula is None else register(formula)


def sum_to(op: Builder, dx: ir.Value, y_shape: Sequence[int | None], x_shape: Sequence[int | None]) -> ir.Value:
    """Undoes broadcasting: sums ``dx``, which has ``y_shape``, to ``x_shape``; the M rows are not summed."""
    extra = len(y_shape) - len(x_shape)
    if None in y_shape[:extra] and None in x_shape:
        raise ShapeError(
            f"a value of shape {list(x_shape)} is broadcast to {list(y_shape)}, and so its batch stands on another "
            "axis; write the broadcast with Unsqueeze in front"
        )
    shape = (*[1] * extra, *x_shape)
    axes = [axis for axis, (dim, to) in enumerate(zip(y_shape, shape, strict=True)) if to == 1 and dim != 1]
    if axes:
        dx = op.ReduceSum(dx, axes, keepdims=1)
    return op.Squeeze(dx, list(range(extra))) if extra else dx


def _holds(when: When, step: Step) -> bool:
    return when(step) if callable(when) else when
