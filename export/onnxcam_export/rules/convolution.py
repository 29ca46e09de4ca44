"""Convolution and transposed convolution, in one to three dimensions.

Weights have no gradient here: where a graph computes them from the image, the walk refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.rules.registry import Gradients, rule
from onnxcam_export.rules.window import Window
from onnxcam_export.steps import Step, is_constant, static_shape

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.builder import Builder


@rule
def Conv(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * flip(W)``, the full correlation of dy with the kernel turned by 180 degrees.

    At stride 1 that is again a convolution, which CPUs do faster than ``ConvTranspose`` of the same arithmetic.
    """
    w = _weight(node)
    window = Window.of(node, static_shape(w, 2), static_shape(node.x, 2), static_shape(node.y, 2))
    group = node.attributes.get("group", 1)
    pads = [r - p for r, p in zip(window.reach * 2, window.pads, strict=True)]
    if set(window.strides) == {1} and min(pads) >= 0:
        turned = _turned(op.once if is_constant(w) else op, w, group)
        dx = op.Conv(dy, turned, pads=pads, dilations=window.dilations, group=group)
    else:
        dx = _strided(op, dy, w, node, window)
    return [dx, *[None] * (len(node.inputs) - 1)]


@rule
def ConvTranspose(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy * W``, the convolution that the operator is the transpose of."""
    w = _weight(node)
    window = Window.of(node, static_shape(w, 2), static_shape(node.y, 2), static_shape(node.x, 2))
    group = node.attributes.get("group", 1)
    dx = op.Conv(dy, w, strides=window.strides, dilations=window.dilations, group=group, pads=window.pads)
    return [dx, *[None] * (len(node.inputs) - 1)]


def _weight(node: Step) -> ir.Value:
    w = node.inputs[1]
    assert w is not None  # noqa: S101 — required by the operator
    return w


def _strided(op: Builder, dy: ir.Value, w: ir.Value, node: Step, window: Window) -> ir.Value:
    """The input gradient of any convolution: the transposed one, filled up to the size of x."""
    covered = [
        s * (n - 1) + r + 1 - b - e
        for s, n, r, b, e in zip(
            window.strides, static_shape(node.y, 2), window.reach, window.begin, window.end, strict=True
        )
    ]
    result: ir.Value = op.ConvTranspose(
        dy,
        w,
        strides=window.strides,
        pads=window.pads,
        dilations=window.dilations,
        group=node.attributes.get("group", 1),
        output_padding=[n - c for n, c in zip(static_shape(node.x, 2), covered, strict=True)],
    )
    return result


def _turned(op: Builder, w: ir.Value, group: int) -> ir.Value:
    """[O, I/g, *k] as [I, O/g, *k], each kernel turned by 180 degrees."""
    outputs, inputs, *kernel = static_shape(w, 0)
    axes = list(range(2, 2 + len(kernel)))
    turned: ir.Value = w
    if group > 1:
        turned = op.Reshape(turned, [group, outputs // group, inputs, *kernel])
        turned = op.Transpose(turned, perm=[0, 2, 1, *[axis + 1 for axis in axes]])
        turned = op.Reshape(turned, [group * inputs, outputs // group, *kernel])
    else:
        turned = op.Transpose(turned, perm=[1, 0, *axes])
    flips = [axis for axis, size in zip(axes, kernel, strict=True) if size > 1]
    if flips:
        count = len(flips)
        turned = op.Slice(turned, [-1] * count, [-(2**31)] * count, flips, [-1] * count)
    return turned
