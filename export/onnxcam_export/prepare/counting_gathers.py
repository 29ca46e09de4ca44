"""Removes a Gather that takes every element from its place, so that axes can be followed.

PyTorch's exporter writes a pooling of a map with its channels last, as Swin and ConvNeXt of torchvision have it, with
``as_strided``: all elements in a list, and a Gather of them at 0, 1, 2, ….
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam_export.graph.counting import first_in

if TYPE_CHECKING:
    from collections.abc import Mapping


def remove_counting_gathers(graph: ir.Graph, firsts: Mapping[str, int]) -> None:
    """Removes the Gathers of all elements of a list in the shape that they had, in place.

    Args:
        graph: The graph; the shapes of its values are known.
        firsts: The first of indices that count, which ``complete_shapes`` found.
    """
    for node in list(graph):
        if node.op_type != "Gather" or node.attributes.get_int("axis", 0) != 0:
            continue
        (x, indices), y = node.inputs, node.outputs[0]
        flat = None if x is None else x.producer()
        source = flat.inputs[0] if flat is not None and flat.op_type == "Reshape" else None
        if indices is None or source is None:
            continue
        if first_in(indices, firsts) == 0 and y.shape is not None and y.shape == source.shape:
            ir.convenience.replace_all_uses_with([y], [source], replace_graph_outputs=True)
            graph.remove(node, safe=True)
