"""Writes a Clip whose bounds the graph computes as ``Min(Max(x, low), high)``, so that bounds have gradients too.

A spectrogram in decibels is limited so to 80 below the loudest place of its own signal.
"""

from __future__ import annotations

import onnx_ir as ir

from onnxcam_export.graph.steps import is_constant

_EXTREMES = ("Max", "Min")  # by the lower bound, and then by the upper one, as the ONNX standard has it


def clip_by_extremes(graph: ir.Graph) -> None:
    """Replaces every Clip with a bound that is not constant, in place."""
    for node in list(graph):
        bounds = node.inputs[1:]
        if node.op_type != "Clip" or node.domain or all(bound is None or is_constant(bound) for bound in bounds):
            continue
        y, x, nodes = node.outputs[0], node.inputs[0], list[ir.Node]()
        for extreme, bound in zip(_EXTREMES, bounds, strict=False):
            if bound is not None:
                nodes.append(ir.node(extreme, [x, bound], name=f"{node.name}/{extreme}"))
                x = nodes[-1].outputs[0]
                x.name, x.shape, x.type = f"{y.name}/{extreme}", y.shape, y.type
        ir.convenience.replace_nodes_and_values(graph, node, [node], nodes, [y], [nodes[-1].outputs[0]])
