"""Writes assignments by a mask, ``y[mask] = f(x[mask])``, as selections: ``y = Where(mask, f(x), y)``.

Exporters collect the chosen elements of the whole batch in a list (NonZero, GatherND), compute with the list, and
write it back (ScatterND). In the list the elements belong to no image any more, so the gradients of several targets
have no place in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.graph.steps import FLOATS, is_constant

if TYPE_CHECKING:
    from collections.abc import Sequence

_ELEMENTWISE = {
    *("Abs", "Add", "Cast", "Clip", "Cos", "Div", "Erf", "Exp", "Floor", "LeakyRelu", "Log", "Max", "Min", "Mul"),
    *("Neg", "Pow", "Reciprocal", "Relu", "Sigmoid", "Sign", "Sin", "Softplus", "Sqrt", "Sub", "Tanh", "Where"),
    *("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or"),
}


_GOLDEN_RATIO = 0.618033988749895  # its multiples are spread evenly over [0, 1), and none is 0


def select_by_masks(graph: ir.Graph) -> None:
    """Replaces every assignment by a mask whose values are computed element by element, in place."""
    for node in list(graph):
        if node.op_type != "ScatterND" or node.attributes.get_string("reduction", "none") != "none":
            continue
        data, index, updates = node.inputs
        mask = _mask(index)
        if mask is None or data is None or mask.shape is None or data.shape is None:
            continue
        selection = _Selection(mask)
        chosen = selection.of(updates) if len(mask.shape) == len(data.shape) else None
        if chosen is not None:
            result = selection.emit("Where", [mask, chosen, data], like=node.outputs[0])
            graph.insert_before(node, selection.nodes)
            for value in selection.constants:
                graph.register_initializer(value)
            ir.convenience.replace_all_uses_with(node.outputs[0], result, replace_graph_outputs=True)
            result.name, node.outputs[0].name = node.outputs[0].name, f"{node.outputs[0].name}/list"


class _Selection:
    """Values of the mask's shape in place of the lists of the elements that it chooses.

    Attributes:
        nodes: The new nodes, in topological order.
        constants: The constants that they read.
    """

    def __init__(self, mask: ir.Value) -> None:
        self.nodes: list[ir.Node] = []
        self.constants: list[ir.Value] = []
        self._mask = mask
        self._found: dict[ir.Value, ir.Value | None] = {}

    def of(self, value: ir.Value | None) -> ir.Value | None:
        """The value that has the list's elements at the mask's places; None if the list is made in another way."""
        if value is None or value in self._found:
            return value and self._found[value]
        self._found[value] = found = self._made(value)
        return found

    def emit(self, op_type: str, inputs: Sequence[ir.Value | None], *, like: ir.Value) -> ir.Value:
        """A new node's output, with the mask's shape and the type of ``like``."""
        node = ir.node(op_type, inputs, name=f"{self._mask.name}/{op_type}_{like.name}")
        self.nodes.append(node)
        (y,) = node.outputs
        y.name, y.shape, y.type = node.name, self._mask.shape, like.type
        return y

    def _made(self, value: ir.Value) -> ir.Value | None:
        if is_constant(value):
            return value if value.const_value is not None and value.const_value.size == 1 else None
        node = value.producer()
        if node is None or node.domain or len(node.outputs) != 1:
            return None
        if node.op_type == "GatherND" and _same(_mask(node.inputs[1]), self._mask):
            return None if node.attributes.get_int("batch_dims", 0) else self._taken(node.inputs[0], value)
        if node.op_type in {"Identity", "Reshape", "Expand"}:
            return self.of(node.inputs[0]) if value.shape is not None and len(value.shape) == 1 else None
        return self._computed(node, value) if node.op_type in _ELEMENTWISE else None

    def _computed(self, node: ir.Node, value: ir.Value) -> ir.Value | None:
        """The same element-wise operator on values in place of lists."""
        inputs = [self.of(x) for x in node.inputs]
        if any(x is not None and part is None for x, part in zip(node.inputs, inputs, strict=True)):
            return None
        y = self.emit(node.op_type, inputs, like=value)
        self.nodes[-1].attributes.update(node.attributes)
        return y

    def _taken(self, x: ir.Value | None, value: ir.Value) -> ir.Value | None:
        """X where the mask is true, and elsewhere a number with which no division or logarithm fails.

        Each has a number of its own between 0.25 and 0.75: ``1 - x`` and the difference of two are not zero either.
        """
        if x is None or value.dtype is None or value.dtype not in FLOATS:
            return None
        index = len(self.constants)
        name = f"{self._mask.name}/elsewhere_{index}"
        number = 0.25 + 0.5 * ((index + 1) * _GOLDEN_RATIO % 1)
        elsewhere = ir.val(name, const_value=ir.tensor(np.asarray(number, value.dtype.numpy()), name=name))
        self.constants.append(elsewhere)
        return self.emit("Where", [self._mask, x, elsewhere], like=value)


def _mask(index: ir.Value | None) -> ir.Value | None:
    """The mask whose true places an index lists, as ``Transpose(NonZero(mask))``; None for any other index."""
    transpose = index.producer() if index is not None else None
    if transpose is None or transpose.op_type != "Transpose" or transpose.inputs[0] is None:
        return None
    node = transpose.inputs[0].producer()
    return node.inputs[0] if node is not None and node.op_type == "NonZero" else None


def _same(a: ir.Value | None, b: ir.Value | None) -> bool:
    """Whether two masks are one, or are computed in the same way from the same values (``~mask`` written twice)."""
    if a is b or a is None or b is None:
        return a is b
    first, second = a.producer(), b.producer()
    if first is None or second is None or first.op_type != second.op_type or first.op_type not in _ELEMENTWISE:
        return False
    attributes = [{name: item.value for name, item in node.attributes.items()} for node in (first, second)]
    alike = attributes[0] == attributes[1] and len(first.inputs) == len(second.inputs)
    return alike and all(_same(x, z) for x, z in zip(first.inputs, second.inputs, strict=True))
