"""The layer that is taken where the user names none.

It is the last feature map that the network computes before the score. Some maps give way to an earlier one, if there is
one, for the reasons that the functions here name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.analyse.axes.factors import Extent
from onnxcam_export.analyse.bottlenecks import bottlenecks
from onnxcam_export.analyse.head_layers import has_weights
from onnxcam_export.graph.steps import Step, is_constant

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import onnx_ir as ir

    from onnxcam_export.analyse.axes.views import Found

_TAKERS = frozenset(("Slice", "Split", "Gather"))
_MOVERS = frozenset(("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity")) | _TAKERS


def default_layer(
    steps: Sequence[Step], between: Collection[ir.Value], found: Mapping[ir.Value, Found]
) -> ir.Value | None:
    """The default; None if there are no maps.

    Args:
        steps: The forward pass.
        between: The values on a path from the image to the score.
        found: The maps among them, in order.
    """
    own = _own(steps, found)
    if not own:
        return None
    last = _with_all_sides(own, found)
    return last if found[last].view.has_other_tokens else _of_all_paths(last, own, found, bottlenecks(steps, between))


def _of_all_paths(
    last: ir.Value, own: Sequence[ir.Value], found: Mapping[ir.Value, Found], passed: Collection[ir.Value]
) -> ir.Value:
    """The last map; or, if the score has other paths around it, the one before with the same places that has none.

    So attention that pools a map beside its mean and maximum gives way to that map. A scale of a pyramid does not:
    before its other scales, there is only what the network began with.
    """
    if last in passed:
        return last
    for value in reversed(own[: own.index(last)]):
        if found[value].complete and found[value].view.shape[1:] != found[last].view.shape[1:]:
            return last
        if found[value].complete and value in passed:
            return value
    return last


def _own(steps: Sequence[Step], found: Mapping[ir.Value, Found]) -> list[ir.Value]:
    """The maps that compute something of their own.

    Left out, as long as there are others, are maps whose places are not certain; what stands before all weights, such
    as the normalised image; parts of a map, and maps with a border, which do not fit the image; values that only move
    the elements of another map; a softmax, which weights other values; and linear layers, since what is the layer's own
    stands before their projection to queries and keys.
    """
    learned = _learned(steps)
    kept = [value for value, item in found.items() if item.certain] or list(found)
    kept = [value for value in kept if value in learned] or kept
    kept = [value for value in kept if found[value].extent is Extent.WHOLE] or kept
    return [value for value in kept if not (_moves(value, found) or _is_softmax(value) or _projects(value))] or kept


def _with_all_sides(own: Sequence[ir.Value], found: Mapping[ir.Value, Found]) -> ir.Value:
    """The last map; or, if it has rows or columns alone and an earlier one has both, the last such one."""
    last = own[-1]
    complete = next((value for value in reversed(own) if found[value].complete), last)
    return last if found[last].view.shape[1:] == found[complete].view.shape[1:] else complete


def _learned(steps: Sequence[Step]) -> set[ir.Value]:
    """The values that weights have a part in."""
    learned: set[ir.Value] = set()
    for step in steps:
        if has_weights(step) or learned.intersection(step.inputs):
            learned.update(step.outputs)
    return learned


def _moves(value: ir.Value, found: Mapping[ir.Value, Found]) -> bool:
    """Whether the value has the elements of another map, or is pooled by windows of one element."""
    node = value.producer()
    x = node.inputs[0] if node is not None else None
    if node is None or x is None or x not in found or found[x].view.shape != found[value].view.shape:
        return False
    single = node.op_type == "AveragePool" and set(Step.of(node).attributes["kernel_shape"]) == {1}
    return single or node.op_type in _MOVERS


def _is_softmax(value: ir.Value) -> bool:
    """Whether the value is a softmax: the weights of attention, of clusters, of a mean of positions."""
    node = value.producer()
    return node is not None and node.op_type == "Softmax"


def _projects(value: ir.Value) -> bool:
    """Whether the value is a linear layer's, with or without its bias, or taken out of it, as a query is."""
    node = _without_moves(value).producer()
    if node is not None and node.op_type == "Add" and sum(map(is_constant, node.inputs)) == 1:
        x = next(x for x in node.inputs if not is_constant(x))
        node = x.producer() if x is not None else None
    return node is not None and node.op_type in {"MatMul", "Gemm"} and any(map(is_constant, node.inputs[:2]))


def _without_moves(value: ir.Value) -> ir.Value:
    """What the value was taken out of, before its elements were moved; the value itself if nothing was taken."""
    node, source, taken = value.producer(), value, False
    while node is not None and node.op_type in _MOVERS and node.inputs[0] is not None:
        taken |= node.op_type in _TAKERS
        source = node.inputs[0]
        node = source.producer()
    return source if taken else value
