"""Replaces ``auto_pad`` and ``output_shape`` by explicit ``pads``, which is what the gradient rules read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam_export.graph.steps import static_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

_WINDOWED = {"Conv", "MaxPool", "AveragePool", "LpPool", "ConvTranspose"}


def make_explicit(graph: ir.Graph) -> bool:
    """Writes out the padding of every convolution and pooling, in place.

    Returns:
        Whether any was implied.

    Raises:
        ShapeError: The size of a map is not known.
    """
    implied = [node for node in graph if node.op_type in _WINDOWED and _is_implied(node)]
    for node in implied:
        mode = node.attributes.get_string("auto_pad", "NOTSET")
        kernel = _kernel(node)
        if mode == "VALID":
            node.attributes.add(ir.AttrInt64s("pads", [0] * 2 * len(kernel)))
        elif mode != "NOTSET" or "output_shape" in node.attributes:
            _write_pads(node, kernel, mode)
        node.attributes.pop("auto_pad", None)
        node.attributes.pop("output_shape", None)
    return bool(implied)


def _is_implied(node: ir.Node) -> bool:
    return "auto_pad" in node.attributes or "output_shape" in node.attributes


def _write_pads(node: ir.Node, kernel: Sequence[int], mode: str) -> None:
    """As many zeros as make the output's size, the odd one at the end for SAME_UPPER and at the beginning otherwise.

    An ``output_shape`` that is larger than the transposed convolution's reach is filled up by ``output_padding``.
    """
    total = _total_padding(node, kernel)
    less, more = [max(0, pad) // 2 for pad in total], [max(0, pad) - max(0, pad) // 2 for pad in total]
    node.attributes.add(ir.AttrInt64s("pads", [*less, *more] if mode == "SAME_UPPER" else [*more, *less]))
    if "output_shape" in node.attributes and min(total) < 0:
        extra = node.attributes.get_ints("output_padding", [0] * len(kernel))
        filled = [more + max(0, -pad) for more, pad in zip(extra, total, strict=True)]
        node.attributes.add(ir.AttrInt64s("output_padding", filled))


def _total_padding(node: ir.Node, kernel: Sequence[int]) -> list[int]:
    """The padding of each axis, negative where the window does not reach far enough."""
    rank = len(kernel)
    x = node.inputs[0]
    assert x is not None  # noqa: S101 — required by all of these operators
    sizes, strides = static_shape(x, 2), node.attributes.get_ints("strides", [1] * rank)
    dilations = node.attributes.get_ints("dilations", [1] * rank)
    reach = [(window - 1) * dilation + 1 for window, dilation in zip(kernel, dilations, strict=True)]
    if node.op_type != "ConvTranspose":
        return [
            max(0, (-(-size // stride) - 1) * stride + far - size)
            for size, stride, far in zip(sizes, strides, reach, strict=True)
        ]
    wanted = node.attributes.get_ints("output_shape", [n * s for n, s in zip(sizes, strides, strict=True)])[-rank:]
    extra = node.attributes.get_ints("output_padding", [0] * rank)
    return [
        stride * (size - 1) + more + far - out
        for size, stride, far, more, out in zip(sizes, strides, reach, extra, wanted, strict=True)
    ]


def _kernel(node: ir.Node) -> Sequence[int]:
    if "kernel_shape" in node.attributes or len(node.inputs) == 1 or node.inputs[1] is None:
        return node.attributes.get_ints("kernel_shape", [])
    return static_shape(node.inputs[1], 2)
