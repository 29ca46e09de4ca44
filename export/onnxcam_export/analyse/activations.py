"""Recognises activations that a graph writes as several nodes, by what they compute and not by how they are spelled.

From a node that may be the end of one, the walk goes back through element-wise operators with constants of one number,
which may fill a tensor, as in ``zeros_like``, until a single value x is left. Those nodes are a function of one number;
it is evaluated on a grid and compared with the known activations. The smallest set of nodes that computes one is taken
as one step. The graph stays as it is: steps are a reading of it, and only the guided rule needs this one, since the
nodes' own rules give the same true gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.analyse.activation_curves import FUNCTIONS, GRID, Array, recognise
from onnxcam_export.graph.detached import is_detached
from onnxcam_export.graph.steps import Step, is_constant

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# The operators that a spelled-out activation ends in, and how many nodes the longest takes (GELU with tanh: 8 or 9).
_ENDS = {"Add", "Clip", "Div", "Max", "Min", "Mul", "Relu", "Sub", "Sum", "Where"}
_MOST_NODES = 12


def forward_steps(graph: ir.Graph, visible: Collection[ir.Value] = ()) -> list[Step]:
    """The graph as steps, in topological order, recognised activations as one step each.

    Args:
        graph: The forward pass.
        visible: Values that must stay the output of a step, such as target layers.
    """
    nodes = list(graph)
    order = {node: index for index, node in enumerate(nodes)}
    hidden: set[ir.Node] = set()
    found: dict[ir.Node, Step] = {}
    for node in reversed(nodes):  # the outermost first: HardSwish has a Clip inside, and is no Clip
        if node in hidden or node.op_type not in _ENDS or node.domain:
            continue
        cluster = _Cluster(node, order, visible)
        activation = cluster.activation()
        if activation is not None:
            found[node] = activation
            hidden |= cluster.nodes - {node}
    return [found.get(node) or Step.of(node) for node in nodes if node not in hidden]


class _Cluster:
    """The nodes that ``end`` is computed from, as far back as they are a function of one number."""

    def __init__(self, end: ir.Node, order: Mapping[ir.Node, int], visible: Collection[ir.Value]) -> None:
        self.end = end
        self.nodes = {end}
        self._order = order
        self._visible = visible

    def activation(self) -> Step | None:
        """The smallest known activation that ends here."""
        while _is_scalar_function(self.end) and len(self.nodes) <= _MOST_NODES:
            sources = self._sources()
            if len(sources) == 1:
                (x,) = sources
                step = self._as_step(x)
                if step is not None:
                    return step
            latest = max(sources, key=self._position, default=None)
            if latest is None or not self._takes_in(latest):
                return None
        return None

    def _sources(self) -> set[ir.Value]:
        inputs = {x for node in self.nodes for x in node.inputs if x is not None and _number(x) is None}
        return inputs - {y for node in self.nodes for y in node.outputs}

    def _position(self, value: ir.Value) -> int:
        producer = value.producer()
        return -1 if producer is None else self._order.get(producer, -1)

    def _takes_in(self, value: ir.Value) -> bool:
        """Makes the value's producer a part, if nothing else can see the value."""
        producer = value.producer()
        if producer is None or producer not in self._order or not _is_scalar_function(producer):
            return False
        if value.is_graph_output() or value in self._visible or any(use.node not in self.nodes for use in value.uses()):
            return False
        self.nodes.add(producer)
        return True

    def _as_step(self, x: ir.Value) -> Step | None:
        y = self.end.outputs[0]
        if x.dtype != y.dtype or not _is_of_one_shape(x, y):
            return None
        rounding = 5e-5 if x.dtype in {ir.DataType.FLOAT, ir.DataType.DOUBLE} else 4e-3
        found = recognise(self._evaluate(x), rounding)
        if found is None or (len(self.nodes) == 1 and found.op_type == self.end.op_type):
            return None
        bounds = [ir.val("bound", const_value=ir.tensor(np.float32(bound))) for bound in found.bounds]
        return Step(found.op_type, (x, *bounds), (y,), found.attributes, self.end.name or "")

    def _evaluate(self, x: ir.Value) -> Array:
        """The function's values on the grid."""
        values: dict[ir.Value, Array] = {x: GRID}
        for node in sorted(self.nodes, key=self._order.__getitem__):
            inputs = [None if v is None else values[v] if v in values else _number(v) for v in node.inputs]
            attributes = {name: attribute.value for name, attribute in node.attributes.items()}
            with np.errstate(all="ignore"):  # what overflows is not finite, and is recognised as nothing
                values[node.outputs[0]] = FUNCTIONS[node.op_type](attributes, *inputs)
        return values[self.end.outputs[0]]


def _is_scalar_function(node: ir.Node) -> bool:
    """Whether the node is element-wise, its derivative is that of its values, and all its constants are numbers."""
    if node.op_type not in FUNCTIONS or node.domain or len(node.outputs) != 1 or is_detached(node):
        return False
    return all(x is None or not is_constant(x) or _number(x) is not None for x in node.inputs)


def _number(value: ir.Value) -> Array | None:
    """The number that every element of the value is; None if there is none, or it is not known."""
    tensor = ir.convenience.get_const_tensor(value)
    if tensor is None or value.is_graph_input():
        producer = value.producer()
        filling = producer.inputs[0] if producer is not None and producer.op_type == "Expand" else None
        return None if filling is None else _number(filling)
    array = np.asarray(tensor.numpy())
    if not array.size or (array != array.flat[0]).any():
        return None
    return np.asarray(array.flat[0], None if array.dtype.kind == "b" else np.float64)


def _is_of_one_shape(x: ir.Value, y: ir.Value) -> bool:
    """Whether both have one shape, as far as it is known; a tensor of one number may have broadcast x to y."""
    if x.shape is None or y.shape is None or len(x.shape) != len(y.shape):
        return False
    return all(
        a == b or not isinstance(a, int) or not isinstance(b, int) for a, b in zip(x.shape, y.shape, strict=True)
    )
