"""Which of several outputs the scores are, where the graph says so.

Beside its scores a model may return the features that they are computed from, a measure of their certainty, or the
weights of a gate inside it. These are told by where they stand; of heads side by side the user chooses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.graph.steps import is_constant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import onnx_ir as ir

_WEIGHTED = {"Gemm", "MatMul", "Conv"}


def without_companions(heads: Sequence[ir.Value], activated: Collection[ir.Value]) -> list[ir.Value]:
    """The heads without those that are there because of another one.

    Args:
        heads: Values, each before its softmax or sigmoid.
        activated: Those that a softmax or sigmoid follows.
    """

    def accompanies(head: ir.Value, other: ir.Value) -> bool:
        """Whether it is the features or a gate of the other head, or is computed from it alone without weights."""
        if _is_used(head, other):
            return _is_weighted(head, other) if _is_all(head, other) else head in activated
        return _is_used(other, head) and _is_all(other, head) and not _is_weighted(other, head)

    return [head for head in heads if not any(accompanies(head, other) for other in heads if other is not head)]


def _is_used(x: ir.Value, y: ir.Value) -> bool:
    """Whether ``y`` is computed from ``x``."""
    return any(x in node.inputs for node in _nodes_before(y, x))


def _is_all(x: ir.Value, y: ir.Value) -> bool:
    """Whether ``y`` is computed from ``x`` and constants alone."""
    return all(
        value is None or value is x or value.producer() is not None or is_constant(value)
        for node in _nodes_before(y, x)
        for value in node.inputs
    )


def _is_weighted(x: ir.Value, y: ir.Value) -> bool:
    """Whether there are weights on the way from ``x`` to ``y``."""
    after: set[ir.Value] = {x}
    nodes = list(_nodes_before(y, x))
    while found := [node for node in nodes if not after.isdisjoint(node.inputs) and after.isdisjoint(node.outputs)]:
        for node in found:
            after.update(node.outputs)
    return any(
        node.op_type in _WEIGHTED and is_constant(node.inputs[1]) for node in nodes if not after.isdisjoint(node.inputs)
    )


def _nodes_before(y: ir.Value, stop: ir.Value) -> Iterator[ir.Node]:
    """The nodes that ``y`` is computed with, from it back to the inputs or to ``stop``."""
    pending, seen = [y], {stop.producer()}
    while pending:
        value = pending.pop()
        node = value.producer()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        pending += [x for x in node.inputs if x is not None]
