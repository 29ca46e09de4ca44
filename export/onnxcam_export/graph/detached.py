"""Values at which the gradient stops, as PyTorch's ``detach()`` says.

Until the gradient is written, such a value is a Sum of one, which optimisers leave alone. Then it is taken out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Iterable

OPERATOR, DETACH = "Sum", "Detach"
_END = "/detached"


def mark_detached(nodes: Iterable[ir.Node]) -> None:
    """Names the values of every Sum of one, which no other node of a PyTorch model is."""
    for node in nodes:
        if node.op_type == OPERATOR and len(node.inputs) == 1:
            node.outputs[0].name = f"{node.outputs[0].name}{_END}"


def is_detached(node: ir.Node) -> bool:
    """Whether the node is where a gradient stops."""
    return node.op_type == OPERATOR and len(node.inputs) == 1 and (node.outputs[0].name or "").endswith(_END)


def take_out_detached(graph: ir.Graph) -> None:
    """Removes these nodes, in place, after the gradient was written."""
    for node in list(graph):
        y, x = node.outputs[0], node.inputs[0] if node.inputs else None
        if is_detached(node) and x is not None and not y.is_graph_output():
            ir.convenience.replace_all_uses_with([y], [x])
            graph.remove(node, safe=True)
