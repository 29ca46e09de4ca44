"""Reverse-mode differentiation of an ONNX graph; the gradient is emitted as ONNX nodes.

The walk knows no operator. It marks the values between the sources and the score, goes through the steps in reverse,
gives the gradient of each step's output to the step's rule, and sums the results. The caller passes the rules as a
table, so plain, guided and deconvnet gradients are three tables and one walk.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from onnxcam_export.differentiate.dequantised import Dequantised
from onnxcam_export.differentiate.target_rows import Rows
from onnxcam_export.errors import LATER_LAYER, OperatorError, ScoreError
from onnxcam_export.graph.expressions import total
from onnxcam_export.graph.steps import FLOATS, values_between

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import onnx_ir as ir

    from onnxcam_export.differentiate.rule import Rule
    from onnxcam_export.graph.builder import Builder
    from onnxcam_export.graph.steps import Step


def backprop(
    op: Builder,
    steps: Sequence[Step],
    score: ir.Value,
    seed: ir.Value,
    sources: Collection[ir.Value],
    *,
    rules: Mapping[str, Rule],
) -> dict[ir.Value, ir.Value]:
    """The gradient of ``sum(seed * score)`` with respect to each source, as nodes in ``op``.

    Args:
        op: The builder of the nodes.
        steps: The forward pass, in topological order.
        score: [N, C].
        seed: [M, C], the gradient of the explained scalar with respect to the score.
        sources: The values to differentiate with respect to.
        rules: The rule of each operator, by the operator's name.

    Returns:
        The gradient of each source, with M rows and otherwise the source's shape.

    Raises:
        OperatorError: Operators between the sources and the score have no rule; the message lists all of them.
        ScoreError: The score does not depend on one of the sources.
    """
    between = values_between(steps, score, sources)
    needed = {step for step in steps if between.intersection(step.inputs) and between.intersection(step.outputs)}
    _require_rules([step for step in steps if step in needed], rules)
    rows, dequantised = Rows(op, score, seed, steps), Dequantised(op)
    contributions: dict[ir.Value, list[ir.Value]] = defaultdict(list, {score: [seed]})
    gradients: dict[ir.Value, ir.Value] = {}
    for step in reversed(steps):
        for y in step.outputs:
            if y in contributions:
                gradients[y] = rows.named(total(op, contributions[y]), y)
        if step not in needed or not gradients.keys() & set(step.outputs):
            continue
        dy = [gradients.get(y) for y in step.outputs]
        seen = rows.matched(dequantised.step(step))
        dx = rules[step.op_type](op.typed(_cotangent_type(step, op.dtype)), seen, dy)
        _require_gradients(step, dx, between)
        for x, part in zip(step.inputs, dx, strict=True):
            if x in between and part is not None:
                contributions[x].append(rows.named(part, x))
    for source in sources:
        if source not in contributions:
            raise ScoreError(
                f"the score {score.name!r} does not depend on {source.name!r} in a differentiable way; choose a layer "
                "on the way to the score ('onnxcam layers' lists them), with level=1 (--level 1) if the way from the "
                "image is broken"
            )
    return {source: gradients.get(source) or total(op, contributions[source]) for source in sources}


def _cotangent_type(step: Step, default: ir.DataType) -> ir.DataType:
    """The type of the step's gradients: the type of its first value that is not quantised."""
    types = (value.dtype for value in (step.y, step.x, *step.inputs[1:]) if value is not None)
    return next((dtype for dtype in types if dtype in FLOATS), default)


def _require_gradients(step: Step, dx: Sequence[ir.Value | None], between: Collection[ir.Value]) -> None:
    """Refuses a rule that has gradients for only some of the inputs; a rule without any means a gradient of zero."""
    missing = [x for x, part in zip(step.inputs, dx, strict=True) if x in between and part is None]
    if missing and any(part is not None for part in dx):
        names = ", ".join(repr(x.name) for x in missing if x is not None)
        raise OperatorError(
            f"the rule for {step.op_type} has no gradient for {names}, which depends on the image: {step}; "
            f"{LATER_LAYER}"
        )


def _require_rules(steps: Sequence[Step], rules: Mapping[str, Rule]) -> None:
    """Raises one error that lists all steps without a rule."""
    missing = [step for step in steps if step.op_type not in rules]
    if not missing:
        return
    kinds = sorted({step.op_type for step in missing})
    fused = any(kind.startswith("com.microsoft::") for kind in kinds)
    optimised = "give the file from before ONNX Runtime optimised it, " if fused else ""
    raise OperatorError(
        f"no gradient rule for {', '.join(kinds)}; needed because they stand between the image or a target layer and "
        f"the score: {'; '.join(map(str, missing))}; {optimised}register a rule with @onnxcam_export.rule "
        f"(the README shows how in three steps), or {LATER_LAYER}"
    )
