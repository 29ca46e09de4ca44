"""Operators that ONNX Runtime's own optimisation fused, written out again as the operators of the standard."""

from __future__ import annotations

import onnx_ir as ir

from onnxcam_export.errors import SourceError

_DOMAIN, _BLOCKED = "com.microsoft", "com.microsoft.nchwc"
_FUSED = {"FusedConv": "Conv", "FusedGemm": "Gemm"}
# The names of an activation's numbers, in the order in which they stand in ``activation_params``.
_PARAMETERS = {"LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta"), "Clip": ("min", "max")}
_OWN = {"activation", "activation_params", "activation_alpha", "activation_beta", "activation_gamma"}


def unfuse(graph: ir.Graph) -> None:
    """Replaces fused convolutions and matrix products by their parts, in place.

    Raises:
        SourceError: The file is laid out for one processor.
    """
    if any(node.domain == _BLOCKED for node in graph):
        raise SourceError(
            "ONNX Runtime optimised this file for one kind of processor (operators of com.microsoft.nchwc), which is "
            "not supported; give the file from before that optimisation"
        )
    for node in list(graph):
        if node.domain == _DOMAIN and node.op_type in _FUSED:
            _write_out(graph, node)


def _write_out(graph: ir.Graph, node: ir.Node) -> None:
    kept = [attribute for name, attribute in node.attributes.items() if name not in _OWN]
    summand = node.inputs[3] if node.op_type == "FusedConv" and len(node.inputs) > 3 else None
    inputs = node.inputs[:3]
    nodes = [ir.node(_FUSED[node.op_type], inputs, name=node.name)]
    nodes[0].attributes.update({attribute.name: attribute for attribute in kept})
    if summand is not None:
        nodes.append(ir.node("Add", [nodes[-1].outputs[0], summand], name=f"{node.name}/sum"))
    activation = node.attributes.get_string("activation", "")
    if activation:
        nodes.append(_activation(graph, node, activation, nodes[-1].outputs[0]))
    for index, part in enumerate(nodes[:-1]):
        part.outputs[0].name = f"{node.outputs[0].name}/part_{index}"
    old, new = node.outputs[0], nodes[-1].outputs[0]
    new.name, new.type, new.shape = old.name, old.type, old.shape
    ir.convenience.replace_nodes_and_values(graph, node, [node], nodes, [old], [new])


def _activation(graph: ir.Graph, node: ir.Node, activation: str, x: ir.Value) -> ir.Node:
    numbers = [float(number) for number in node.attributes.get_floats("activation_params", [])]
    for name in ("activation_alpha", "activation_beta"):
        numbers += [float(node.attributes[name].value)] if name in node.attributes else []
    named = dict(zip(_PARAMETERS.get(activation, ()), numbers, strict=False))
    if activation != "Clip":
        return ir.node(activation, [x], named, name=f"{node.name}/{activation}")
    bounds = []
    for name, number in named.items():
        tensor = ir.tensor(number, dtype=ir.DataType.FLOAT, name=f"{node.outputs[0].name}/{name}")
        value = ir.val(tensor.name or "", const_value=tensor)
        graph.register_initializer(value)
        bounds.append(value)
    return ir.node("Clip", [x, *bounds], name=f"{node.name}/Clip")
