"""Convolution and transposed convolution, in one to three dimensions.

Weights have no gradient here. If a graph computes them from the image, the walk refuses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.differentiate.lowering.conv_input_gradient import conv_input_gradient, weight
from onnxcam_export.differentiate.lowering.window import Window
from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.graph.steps import Step, static_shape

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def Conv(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * flip(W)``, the full correlation of dy with the kernel turned by 180 degrees."""
    return [conv_input_gradient(op, dy, step)]


@rule
def ConvTranspose(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * W``, the convolution that the operator is the transpose of."""
    w = weight(step)
    window = Window.of(step, len(static_shape(w, 2)))
    group = step.attributes.get("group", 1)
    return [op.Conv(dy, w, strides=window.strides, dilations=window.dilations, group=group, pads=window.pads)]
