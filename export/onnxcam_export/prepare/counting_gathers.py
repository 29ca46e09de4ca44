"""Removes a Gather that takes every element from its place, so that axes can be followed.

PyTorch's exporter writes a pooling of a map with its channels last, as Swin and ConvNeXt of torchvision have it, with
``as_strided``: all elements in a list, and a Gather of them at 0, 1, 2, ….
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Container

    import numpy.typing as npt


def counts(indices: npt.NDArray[np.generic]) -> bool:
    """Whether the indices are 0, 1, 2, … in the order of the array."""
    return bool(indices.size) and bool(np.array_equal(indices.ravel(), np.arange(indices.size)))


def remove_counting_gathers(graph: ir.Graph, counting: Container[str | None] = ()) -> None:
    """Removes the Gathers of all elements of a list in the shape that they had, in place.

    Args:
        graph: The graph; the shapes of its values are known.
        counting: The names of indices that count for every batch; of constants it is found here.
    """
    for node in list(graph):
        if node.op_type != "Gather" or node.attributes.get_int("axis", 0) != 0:
            continue
        (x, indices), y = node.inputs, node.outputs[0]
        flat = None if x is None else x.producer()
        source = flat.inputs[0] if flat is not None and flat.op_type == "Reshape" else None
        if indices is None or source is None:
            continue
        tensor = ir.convenience.get_const_tensor(indices)
        known = indices.name in counting if tensor is None else counts(tensor.numpy())
        if known and y.shape is not None and y.shape == source.shape:
            ir.convenience.replace_all_uses_with([y], [source], replace_graph_outputs=True)
            graph.remove(node, safe=True)
