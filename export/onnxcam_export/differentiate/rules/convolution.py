"""Convolution and transposed convolution, in one to three dimensions.

Weights have no gradient here: where a graph computes them from the image, the walk refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.differentiate.lowering.conv_input_gradient import strided, turned, weight
from onnxcam_export.differentiate.lowering.window import Window
from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.graph.steps import Step, is_constant, static_shape

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def Conv(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * flip(W)``, the full correlation of dy with the kernel turned by 180 degrees.

    At stride 1 that is again a convolution, which CPUs do faster than ``ConvTranspose`` of the same arithmetic.
    """
    w = weight(node)
    window = Window.of(node, static_shape(w, 2), static_shape(node.x, 2), static_shape(node.y, 2))
    group = node.attributes.get("group", 1)
    pads = [r - p for r, p in zip(window.reach * 2, window.pads, strict=True)]
    if set(window.strides) == {1} and min(pads) >= 0:
        turned_kernel = turned(op.once if is_constant(w) else op, w, group)
        dx = op.Conv(dy, turned_kernel, pads=pads, dilations=window.dilations, group=group)
    else:
        dx = strided(op, dy, node, window)
    return [dx, *[None] * (len(node.inputs) - 1)]


@rule
def ConvTranspose(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * W``, the convolution that the operator is the transpose of."""
    w = weight(node)
    window = Window.of(node, static_shape(w, 2), static_shape(node.y, 2), static_shape(node.x, 2))
    group = node.attributes.get("group", 1)
    dx = op.Conv(dy, w, strides=window.strides, dilations=window.dilations, group=group, pads=window.pads)
    return [dx, *[None] * (len(node.inputs) - 1)]
