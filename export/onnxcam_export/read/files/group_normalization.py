"""GroupNormalization of opsets 18 to 20, with a scale for each group, as InstanceNormalization of the groups.

It is deprecated. From opset 21 on, the operator of that name has a scale for each channel.
"""

from __future__ import annotations

import onnx_ir as ir

from onnxcam_export.graph.builder import Builder

_PER_CHANNEL = 21  # the first opset


def normalise_by_groups(model: ir.Model) -> None:
    """Replaces the operator, in place, if the model's opset is one of the old ones."""
    if model.opset_imports.get("", 0) >= _PER_CHANNEL:
        return
    op = Builder(model.graph, prefix="groups")
    for node in list(model.graph):
        if node.op_type == "GroupNormalization" and not node.domain:
            _replace(op.branch(node.outputs[0].name or ""), node)


def _replace(op: Builder, node: ir.Node) -> None:
    x, scale, bias = node.inputs
    groups = op.Reshape(x, [0, node.attributes.get_int("num_groups"), -1])
    normal = op.InstanceNormalization(groups, scale, bias, epsilon=node.attributes.get_float("epsilon", 1e-5))
    old, new = node.outputs[0], op.Reshape(normal, op.Shape(x))
    new.name, new.type, new.shape = old.name, old.type, old.shape
    ir.convenience.replace_nodes_and_values(op.graph, node, [node], op.all_nodes, [old], [new])
