"""Dropout and batch norms in training mode, which draw on the batch, or on weights alone.

PyTorch's older exporter writes weight standardisation (BiT, NFNets) as a batch norm of the weights in training mode.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnxcam_export.errors import SourceError
from onnxcam_export.graph.constants import constant
from onnxcam_export.graph.fold_constants import fold_constants
from onnxcam_export.graph.steps import is_constant

_SAID_BY_ATTRIBUTE = 14  # the first opset


def state_training(model: ir.Model) -> None:
    """Marks the batch norms of opsets 7 to 13 that are in training mode, in place: those with statistics as outputs.

    The version converter knows no way for them. From opset 14 on, an attribute says it.

    Raises:
        SourceError: The statistics are used.
    """
    if model.opset_imports.get("", 0) >= _SAID_BY_ATTRIBUTE:
        return
    for node in model.graph:
        if node.op_type == "BatchNormalization" and any(value.name for value in node.outputs[1:]):
            if any(value.uses() or value.is_graph_output() for value in node.outputs[1:]):
                raise _in_training(node)
            node.resize_outputs(1)
            node.attributes.add(ir.AttrInt64("training_mode", 1))


def leave_training(model: ir.Model) -> None:
    """Removes Dropout, which passes its input on, and computes the batch norms of weights, in place.

    The shapes of the model's values are known.

    Raises:
        SourceError: The model was exported in training mode.
    """
    graph = model.graph
    if any(_trains(node) and node.op_type == "BatchNormalization" for node in graph):
        fold_constants(model)  # scales are computed from gains
    for node in list(graph):
        if not _trains(node):
            if node.op_type == "Dropout" and not (len(node.outputs) > 1 and node.outputs[1].uses()):
                _replace_by_identity(graph, node)
        elif node.op_type == "BatchNormalization" and all(map(is_constant, node.inputs[:3])):
            _replace_by_constant(graph, node)
        else:
            raise _in_training(node)


def _in_training(node: ir.Node) -> SourceError:
    return SourceError(
        f"the model was exported in training mode, which its {node.op_type} node {node.name!r} is in; "
        "export it again in evaluation mode"
    )


def _trains(node: ir.Node) -> bool:
    """Whether the node is a batch norm or a dropout in training mode."""
    if node.op_type == "BatchNormalization":
        return bool(node.attributes.get_int("training_mode", 0))
    flag = node.inputs[2] if node.op_type == "Dropout" and len(node.inputs) > 2 else None
    tensor = ir.convenience.get_const_tensor(flag) if flag is not None else None
    return flag is not None and (tensor is None or bool(np.any(tensor.numpy())))


def _replace_by_identity(graph: ir.Graph, node: ir.Node) -> None:
    identity = ir.node("Identity", [node.inputs[0]], name=node.name)
    old, new = node.outputs[0], identity.outputs[0]
    new.name, new.type, new.shape = old.name, old.type, old.shape
    ir.convenience.replace_nodes_and_values(graph, node, [node], [identity], [old], [new])


def _replace_by_constant(graph: ir.Graph, node: ir.Node) -> None:
    """``scale (x - mean) / sqrt(var + epsilon) + bias``, with the statistics of x over all axes but the second."""
    x, scale, bias = (ir.convenience.get_const_tensor(value).numpy() for value in node.inputs[:3])  # type: ignore[arg-type,union-attr]
    axes, rest = tuple(axis for axis in range(x.ndim) if axis != 1), [-1, *[1] * (x.ndim - 2)]
    exact = x.astype(np.float64)
    centred = exact - exact.mean(axes, keepdims=True)
    deviation = np.sqrt(centred.var(axes, keepdims=True) + node.attributes.get_float("epsilon", 1e-5))
    result = (centred / deviation * scale.reshape(rest) + bias.reshape(rest)).astype(x.dtype)
    node.outputs[0].replace_all_uses_with(constant(graph, f"{node.outputs[0].name}/standardised", result))
    graph.remove(node, safe=True)
