"""Writes the extremes of a stack, ``amax(stack([x, 0]), dim)``, as those of its parts: ``Max(x, 0)``.

The gradient is the same, no tensor is copied, and an activation that is spelled so is recognised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Sequence

_OF_PARTS = {"ReduceMax": "Max", "ReduceMin": "Min"}


def unstack_extremes(graph: ir.Graph) -> None:
    """Replaces every ReduceMax and ReduceMin over an axis along which single values were stacked, in place."""
    for node in list(graph):
        axis = _reduced_axis(node) if node.op_type in _OF_PARTS and not node.domain else None
        parts = None if axis is None else _stacked(node.inputs[0], axis)
        if parts is None:
            continue
        for part in parts:
            if part.const_value is not None and not part.is_initializer():
                graph.register_initializer(part)
        (y,) = node.outputs
        extreme = ir.node(_OF_PARTS[node.op_type], parts, name=f"{node.name}/unstacked")
        extreme.outputs[0].shape, extreme.outputs[0].type = y.shape, y.type
        graph.insert_before(node, [extreme])
        ir.convenience.replace_all_uses_with(y, extreme.outputs[0], replace_graph_outputs=True)
        extreme.outputs[0].name, y.name = y.name, f"{y.name}/stack"


def _reduced_axis(node: ir.Node) -> int | None:
    """The one axis, counted from 0, that the node reduces and does not keep; None if there are others."""
    axes = _numbers(node.inputs[1]) if len(node.inputs) > 1 else node.attributes.get_ints("axes", None)
    x = node.inputs[0]
    kept = node.attributes.get_int("keepdims", 1) != 0
    if axes is None or len(axes) != 1 or kept or x is None or x.shape is None:
        return None
    return axes[0] % len(x.shape)


def _stacked(stack: ir.Value | None, axis: int) -> list[ir.Value] | None:
    """The values before they were stacked along the axis; None if it is another value."""
    concat = stack.producer() if stack is not None else None
    if concat is None or concat.op_type != "Concat" or stack is None or stack.shape is None:
        return None
    rank = len(stack.shape)
    if concat.attributes.get_int("axis", 0) % rank != axis:
        return None
    parts = [_without_axis(part, axis, rank) for part in concat.inputs]
    known = [part for part in parts if part is not None]
    return known if len(known) == len(parts) else None


def _without_axis(value: ir.Value | None, axis: int, rank: int) -> ir.Value | None:
    """The value to which a new axis was added there; None if none was."""
    if value is None:
        return None
    if value.const_value is not None:
        if value.const_value.shape[axis] != 1:
            return None
        name = f"{value.name}/axis_{axis}"
        return ir.val(name, const_value=ir.tensor(np.squeeze(value.const_value.numpy(), axis), name=name))
    node = value.producer()
    if node is None or node.op_type != "Unsqueeze" or node.domain:
        return None
    axes = _numbers(node.inputs[1]) if len(node.inputs) > 1 else node.attributes.get_ints("axes", None)
    return node.inputs[0] if axes is not None and [each % rank for each in axes] == [axis] else None


def _numbers(value: ir.Value | None) -> Sequence[int] | None:
    if value is None or value.const_value is None:
        return None
    return [int(number) for number in np.atleast_1d(value.const_value.numpy())]
