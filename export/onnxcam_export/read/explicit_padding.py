"""``auto_pad`` as explicit ``pads``, which is what the gradient rules read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam_export.graph.steps import static_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

_WINDOWED = {"Conv", "MaxPool", "AveragePool", "LpPool", "ConvTranspose"}


def make_explicit(graph: ir.Graph) -> bool:
    """Replaces ``auto_pad`` by ``pads`` throughout, in place.

    Returns:
        Whether there was any.

    Raises:
        ShapeError: The size of a map is not known.
    """
    found = False
    for node in graph:
        mode = node.attributes.get_string("auto_pad", "NOTSET")
        if node.op_type not in _WINDOWED or "auto_pad" not in node.attributes:
            continue
        found = True
        node.attributes.pop("auto_pad")
        if mode != "NOTSET":
            pads = [0] * 2 * len(_kernel(node)) if mode == "VALID" else _same(node, mode)
            node.attributes.add(ir.AttrInt64s("pads", pads))
            node.attributes.pop("output_shape", None)
    return found


def _same(node: ir.Node, mode: str) -> list[int]:
    """As many zeros as make the output ``ceil(size / stride)``; the odd one at the end for SAME_UPPER."""
    kernel = _kernel(node)
    strides = node.attributes.get_ints("strides", [1] * len(kernel))
    dilations = node.attributes.get_ints("dilations", [1] * len(kernel))
    x = node.inputs[0]
    assert x is not None  # noqa: S101 — required by all of these operators
    total = [
        max(0, _needed(node, size, stride, (window - 1) * dilation + 1))
        for size, stride, window, dilation in zip(static_shape(x, 2), strides, kernel, dilations, strict=True)
    ]
    less, more = [pad // 2 for pad in total], [pad - pad // 2 for pad in total]
    return [*less, *more] if mode == "SAME_UPPER" else [*more, *less]


def _needed(node: ir.Node, size: int, stride: int, reach: int) -> int:
    """The padding of one axis; a transposed convolution with it gives ``size * stride``."""
    if node.op_type == "ConvTranspose":
        return stride * (size - 1) + reach - size * stride
    return (-(-size // stride) - 1) * stride + reach - size


def _kernel(node: ir.Node) -> Sequence[int]:
    if "kernel_shape" in node.attributes or len(node.inputs) == 1 or node.inputs[1] is None:
        return node.attributes.get_ints("kernel_shape", [])
    return static_shape(node.inputs[1], 2)
