"""Tables of rules for the gradient at the input: plain, guided backpropagation and deconvnet.

A table is a dict from operators to rules, and the walk takes it as an argument. Guided backpropagation and deconvnet
are made from a table by replacing the rules of its rectifiers. Sigmoid and tanh gates are not rectifiers and keep their
true derivative.

The guided rule uses products, which leave ONNX Runtime's blocked layout. Written as sums of scaled gradients, it stays
in that layout, and level 2 of MobileNetV2 takes 3.15 forward passes instead of 3.33 on one thread; but ResNet-50 takes
2.53 instead of 2.35 on two threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import onnxcam_export.differentiate.rules  # noqa: F401 — fills PLAIN
from onnxcam import contract
from onnxcam_export.differentiate.rule import PLAIN, Gradients, Rule, Treatment
from onnxcam_export.errors import ExportError
from onnxcam_export.graph.expressions import positive

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder
    from onnxcam_export.graph.steps import Step

Table = Mapping[str, Rule]


def guided(rules: Table) -> dict[str, Rule]:
    """Guided backpropagation: at a rectifier, the gradient is rectified too.

    Springenberg et al. 2015, https://arxiv.org/abs/1412.6806.
    """
    return {name: _guided(rule) if rule.rectifies else rule for name, rule in rules.items()}


def deconvnet(rules: Table) -> dict[str, Rule]:
    """Deconvnet: at a rectifier, only the gradient is rectified.

    Zeiler & Fergus 2014, https://arxiv.org/abs/1311.2901.
    """
    return {name: _deconvnet(rule) if rule.rectifies else rule for name, rule in rules.items()}


@dataclass(frozen=True, slots=True)
class InputGradient:
    """The gradient at the input: a table of rules and its name.

    Attributes:
        name: ``guided``, ``plain``, ``deconvnet``, or ``custom`` for a caller's own table.
        rules: The table of rules.
    """

    name: str
    rules: Table

    @classmethod
    def of(cls, given: str | Table) -> InputGradient:
        """Reads the argument of ``export(…, input_gradient=…)``, with all rules that are registered by now.

        In a caller's own table, operators without a rule have their plain rule.

        Raises:
            ExportError: It is neither a table nor a known name.
        """
        if isinstance(given, Mapping):
            return cls("custom", {**PLAIN, **given})
        if given not in _NAMED:
            raise ExportError(
                f"input_gradient is {given!r}; give {', '.join(map(repr, _NAMED))}, or a table of rules, such as "
                "onnxcam_export.guided(onnxcam_export.PLAIN)"
            )
        return cls(given, _NAMED[given](PLAIN))

    @property
    def output(self) -> str:
        """The name of the artifact's output."""
        return contract.GUIDED_OUTPUT if self.name == "guided" else contract.INPUT_GRADIENTS_OUTPUT

    def treatment(self, step: Step) -> Treatment:
        """The kind of gradient that a step must have, for verification.

        For a named table it follows from the plain rules' declarations, and not from the table itself, so that
        verification notices a wrong table.
        """
        plain = PLAIN.get(step.op_type)
        if self.name != "custom":
            return Treatment(self.name) if plain is not None and plain.is_rectifier(step) else Treatment.PLAIN
        rule = self.rules.get(step.op_type, plain)
        if rule is None or (plain is not None and rule.formula is plain.formula):
            return Treatment.PLAIN
        if rule.treatment is Treatment.PLAIN:
            return Treatment.OWN
        return rule.treatment if rule.is_rectifier(step) else Treatment.PLAIN

    def remark(self, steps: Iterable[Step]) -> str | None:
        """A sentence for the report if no step is a rectifier, so that this is the plain gradient."""
        if self.name not in {"guided", "deconvnet"} or any(
            self.treatment(step) is not Treatment.PLAIN for step in steps
        ):
            return None
        return (
            "no activation was found that guided backpropagation rectifies, such as a ReLU or GELU, so the gradient "
            "at the input is the plain gradient"
        )


def _guided(plain: Rule) -> Rule:
    """``dx = relu(dy) * f'(x) * [x > 0]``."""

    def formula(op: Builder, step: Step, dy: ir.Value) -> Gradients:
        if not plain.is_rectifier(step):
            return plain.formula(op, step, dy)
        dx, *others = plain.formula(op, step, op.Relu(dy))
        if dx is not None and not plain.is_zero_below_zero(step):
            dx = op.Mul(dx, positive(op, step.x))
        return [dx, *others]

    return replace(plain, formula=formula, treatment=Treatment.GUIDED)


def _deconvnet(plain: Rule) -> Rule:
    """``dx = relu(dy)``."""

    def formula(op: Builder, step: Step, dy: ir.Value) -> Gradients:
        return [op.Relu(dy)] if plain.is_rectifier(step) else plain.formula(op, step, dy)

    return replace(plain, formula=formula, treatment=Treatment.DECONVNET)


_NAMED: dict[str, Callable[[Table], Table]] = {"guided": guided, "plain": dict, "deconvnet": deconvnet}
