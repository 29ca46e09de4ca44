"""Reverse-mode differentiation of an ONNX graph, written as ONNX nodes.

The walk knows no operator: it marks what lies between the sources and the score, goes through the steps in reverse,
hands each one's cotangent to its rule, and accumulates. The rules are a table that the caller passes in, so plain,
guided and deconvnet gradients are three tables and one walk.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from onnxcam_export.errors import OperatorError, ScoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import onnx_ir as ir

    from onnxcam_export.builder import Builder
    from onnxcam_export.rules import Rule
    from onnxcam_export.steps import Step


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
        op: Where the nodes go.
        steps: The forward pass, in topological order.
        score: [N, C].
        seed: [M, C], the cotangent of the score.
        sources: The values to differentiate with respect to.
        rules: The rule of each operator, by its name.

    Returns:
        For each source the gradient, with M rows and otherwise the source's shape.

    Raises:
        OperatorError: Operators without a rule stand between the sources and the score; it lists all of them.
        ScoreError: The score does not depend on one of the sources.
    """
    between = values_between(steps, score, sources)
    _require_rules([step for step in steps if between.intersection(step.outputs)], sources, rules)
    contributions: dict[ir.Value, list[ir.Value]] = defaultdict(list, {score: [seed]})
    gradients: dict[ir.Value, ir.Value] = {}
    for step in reversed(steps):
        for y in step.outputs:
            if y in contributions:
                gradients[y] = op.total(contributions[y])
        if not between.intersection(step.outputs) or not gradients.keys() & set(step.outputs):
            continue
        dy = [gradients.get(y) for y in step.outputs]
        for x, dx in zip(step.inputs, rules[step.op_type](op, step, dy), strict=True):
            if x in between and dx is not None:
                contributions[x].append(dx)
    for source in sources:
        if source not in contributions:
            raise ScoreError(
                f"the score {score.name!r} does not depend on {source.name!r} in a differentiable way; "
                "choose a layer on the way from the image to the score ('onnxcam layers' lists them)"
            )
    return {source: gradients.get(source) or op.total(contributions[source]) for source in sources}


def values_between(steps: Sequence[Step], score: ir.Value, sources: Collection[ir.Value]) -> set[ir.Value]:
    """The floating-point values that depend on a source and that the score depends on, both ends included."""
    after = set(sources)
    for step in steps:
        if after.intersection(step.inputs):
            after.update(y for y in step.outputs if y.dtype is None or y.dtype.is_floating_point())
    before = {score}
    for step in reversed(steps):
        if before.intersection(step.outputs):
            before.update(x for x in step.inputs if x is not None)
    return after & before


def _require_rules(steps: Sequence[Step], sources: Collection[ir.Value], rules: Mapping[str, Rule]) -> None:
    """Refuses, in one error, all steps that have no rule; producers of the sources need none."""
    missing = [step for step in steps if step.op_type not in rules and not set(sources) & set(step.outputs)]
    if not missing:
        return
    kinds = sorted({step.op_type for step in missing})
    raise OperatorError(
        f"no gradient rule for {', '.join(kinds)}; needed because they stand between the image or a target layer and "
        f"the score: {'; '.join(map(str, missing))}; choose a layer behind them, or register a rule with "
        "@onnxcam_export.rule (the README shows how in three steps)"
    )
