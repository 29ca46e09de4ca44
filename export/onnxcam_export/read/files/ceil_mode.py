"""Cuts off padding that no window of a pooling in ceil mode reaches.

A window that would start in the padding at the end is left out, as in PyTorch and ONNX Runtime. ONNX's shape inference
counts it, and then every later shape is wrong. Without the padding beyond the last window, all agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam_export.graph.steps import shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_POOLING = {"MaxPool", "AveragePool", "LpPool"}


def cut_padding(graph: ir.Graph) -> bool:
    """Cuts the padding of the first such pooling, in place; the shapes of values after it may have been wrong.

    Padding is explicit.

    Returns:
        Whether there was one.
    """
    for node in graph:
        x = node.inputs[0] if node.op_type in _POOLING and node.attributes.get_int("ceil_mode", 0) == 1 else None
        if x is None or x.shape is None:
            continue
        pads = _cut(node, shape_of(x)[2:])
        if pads != list(node.attributes.get_ints("pads", pads)):
            node.attributes.add(ir.AttrInt64s("pads", pads))
            return True
    return False


def _cut(node: ir.Node, sizes: Sequence[int | None]) -> list[int]:
    """The pads without what lies after the last window, where the next one would start in the padding."""
    rank = len(sizes)
    kernel, ones = node.attributes.get_ints("kernel_shape", []), [1] * rank
    strides, dilations = (node.attributes.get_ints(name, ones) for name in ("strides", "dilations"))
    pads = list(node.attributes.get_ints("pads", [0] * 2 * rank))
    for axis, size in enumerate(sizes):
        before, after = pads[axis], pads[axis + rank]
        if size is None:
            continue
        room = before + size + after - dilations[axis] * (kernel[axis] - 1) - 1  # for the first element of a window
        rest = room % strides[axis]
        if rest and room - rest + strides[axis] >= before + size:
            pads[axis + rank] -= min(rest, after)
    return pads
