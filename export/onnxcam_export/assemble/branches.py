"""The branches of an ``If``: copies of the forward pass that read the main graph's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.graph.constants import constant
from onnxcam_export.graph.steps import is_constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Constants up to this size are copied into the branches, where ONNX Runtime's fusions look for them. Larger ones are
# read from the main graph, so that the file holds them once.
_COPIED_BYTES = 4096
# Constants up to this size are also copied into a gate inside a branch. With a larger limit, DenseNet-121's batch norms
# would make its file 1 % larger.
_COPIED_INTO_GATES = 256


def make_branch(
    name: str, forward: Sequence[ir.Node], emitted: Sequence[ir.Node], outputs: Sequence[ir.Value], main: ir.Graph
) -> ir.Graph:
    """Copies the nodes into a graph with its own weights and names."""
    scratch = ir.Graph([], outputs, nodes=[*forward, *emitted], name=name)
    branch = scratch.clone(allow_outer_scope_values=True)
    scratch.outputs.clear()
    scratch.remove([*forward, *emitted])
    detach(emitted)
    _localise(branch, main)
    for node in ir.traversal.RecursiveGraphIterator(branch):
        node.name = f"{name}/{node.name}"
        for value in node.outputs:
            value.name = f"{name}/{value.name}"
    for node in list(branch)[: len(forward)]:
        for value in node.outputs:
            value.shape, value.type = None, None  # ONNX Runtime infers them
    return branch


def _localise(branch: ir.Graph, main: ir.Graph) -> None:
    """Gives the branch its own values for the initializers that it reads from the main graph.

    ONNX Runtime's blocked convolutions and its fusions take constants from their own graph only. For quantised weights
    that graph may also be a gate inside the branch.
    """
    own: dict[tuple[ir.Graph, ir.Value], ir.Value] = {}
    for node in list(ir.traversal.RecursiveGraphIterator(branch)):
        for index, value in enumerate(node.inputs):
            if value is None or value.graph is not main or not is_constant(value) or value.const_value is None:
                continue
            if node.op_type == "Gather" or (node.op_type == "Gemm" and index == 0):
                continue  # ONNX Runtime makes no copy of these for itself, and takes them from any graph
            light = value.const_value.nbytes <= _COPIED_INTO_GATES or value.const_value.dtype.itemsize <= 1
            home = node.graph if light and isinstance(node.graph, ir.Graph) else branch
            if (home, value) not in own:
                prefix = branch.name if home is branch else f"{branch.name}/{home.name}"
                own[home, value] = _own(home, value, value.const_value, f"{prefix}/{value.name}")
            node.replace_input_with(index, own[home, value])


def _own(graph: ir.Graph, value: ir.Value, tensor: ir.TensorProtocol, name: str) -> ir.Value:
    """A value of this graph that equals an initializer of the main graph.

    Small ones are copied. A large one is reshaped to its own shape: ONNX Runtime computes that when it loads the model,
    and the file holds the initializer once.
    """
    if tensor.nbytes <= _COPIED_BYTES:
        copy = ir.val(name, const_value=tensor)
        graph.register_initializer(copy)
        return copy
    shape = constant(graph, f"{name}/shape", np.asarray(tensor.shape.numpy(), np.int64))
    node = ir.node("Reshape", [value, shape], name=f"{name}/own")
    node.outputs[0].name = f"{name}/own"
    graph.insert_before(graph[0], node)
    return node.outputs[0]


def detach(nodes: Iterable[ir.Node]) -> None:
    """Ends the nodes' use of their inputs, in their subgraphs too: they were copied, and are in no graph any more."""
    for node in nodes:
        for attribute in node.attributes.values():
            if isinstance(attribute.value, ir.Graph):
                detach(attribute.value)
        for index in range(len(node.inputs)):
            node.replace_input_with(index, None)
