"""The input gradient of a convolution that skips positions, by the cheapest way that its shape allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.graph.steps import Step, is_constant, static_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from onnxcam_export.differentiate.lowering.window import Window
    from onnxcam_export.graph.builder import Builder

_MANY = 16  # channels that fill a vector register


def strided(op: Builder, dy: ir.Value, node: Step, window: Window) -> ir.Value:
    """``dx`` of a convolution with strides.

    ``ConvTranspose`` is right for all of them. Measured on one CPU thread over the shapes of ResNet-50 and MobileNetV2,
    a pointwise kernel takes 0.7 to 1.1 of its time as a convolution and an enlargement, and a depthwise one 0.3 to
    0.8 by phases; a dense one 0.75 to 1.0, but with the three channels of an image 3.5.
    """
    w, group = weight(node), node.attributes.get("group", 1)
    kernel = static_shape(w, 2)
    planar = is_constant(w) and len(kernel) == 2 and set(window.dilations) == {1}  # noqa: PLR2004 — height, width
    if planar and set(kernel) == {1} and not any(window.pads):
        return _enlarged(op, op.Conv(dy, turned(op.once, w, group), group=group), node, window)
    if planar and static_shape(node.x)[0] >= _MANY:
        phases = [_Phase.along(axis, node, window, kernel) for axis in (0, 1)]
        if all(phase.fits for along in phases for phase in along):
            return _interleaved(op, dy, node, window, phases)
    return _transposed(op, dy, node, window)


def weight(node: Step) -> ir.Value:
    """The kernel, [O, I/g, *k]."""
    w = node.inputs[1]
    assert w is not None  # noqa: S101 — required by the operator
    return w


def turned(op: Builder, w: ir.Value, group: int) -> ir.Value:
    """[O, I/g, *k] as [I, O/g, *k], each kernel turned by 180 degrees."""
    outputs, inputs, *kernel = static_shape(w, 0)
    axes = list(range(2, 2 + len(kernel)))
    kernel_turned: ir.Value = w
    depthwise = outputs == group and inputs == 1  # one kernel for each channel, in and out
    if group > 1 and not depthwise:
        kernel_turned = op.Reshape(kernel_turned, [group, outputs // group, inputs, *kernel])
        kernel_turned = op.Transpose(kernel_turned, perm=[0, 2, 1, *[axis + 1 for axis in axes]])
        kernel_turned = op.Reshape(kernel_turned, [group * inputs, outputs // group, *kernel])
    elif not depthwise:
        kernel_turned = op.Transpose(kernel_turned, perm=[1, 0, *axes])
    flips = [axis for axis, size in zip(axes, kernel, strict=True) if size > 1]
    if flips:
        count = len(flips)
        kernel_turned = op.Slice(kernel_turned, [-1] * count, [-(2**31)] * count, flips, [-1] * count)
    return kernel_turned


def _transposed(op: Builder, dy: ir.Value, node: Step, window: Window) -> ir.Value:
    """The transposed convolution, filled up to the size of x."""
    covered = [
        s * (n - 1) + r + 1 - b - e
        for s, n, r, b, e in zip(
            window.strides, static_shape(node.y, 2), window.reach, window.begin, window.end, strict=True
        )
    ]
    result: ir.Value = op.ConvTranspose(
        dy,
        weight(node),
        strides=window.strides,
        pads=window.pads,
        dilations=window.dilations,
        group=node.attributes.get("group", 1),
        output_padding=[n - c for n, c in zip(static_shape(node.x, 2), covered, strict=True)],
    )
    return result


def _enlarged(op: Builder, dy: ir.Value, node: Step, window: Window) -> ir.Value:
    """``dy`` where the stride hits, zero between: every element repeated, and all but one masked."""
    down, across = window.strides
    enlarged = op.Resize(
        dy,
        None,
        np.asarray([1, 1, down, across], np.float32),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    height, width = (n * s for n, s in zip(static_shape(node.y, 2), window.strides, strict=True))
    hit = np.zeros((height, width), op.dtype.numpy())
    hit[::down, ::across] = 1
    return _cropped(op, op.Mul(enlarged, hit), (height, width), static_shape(node.x, 2))


class _Phase:
    """Positions of x that lie the same way between the strides, along one axis; they see the same part of the kernel.

    ``dx[s m + r] = sum_j W[s j + t] dy[m + q - j]`` with ``r + pad = s q + t``.
    """

    def __init__(self, r: int, axis: int, node: Step, window: Window, kernel: Sequence[int]) -> None:
        k, s = kernel[axis], window.strides[axis]
        self.count = -(-static_shape(node.x, 2)[axis] // s)
        t = (r + window.begin[axis]) % s
        q = (r + window.begin[axis]) // s
        taps = len(range(t, k, s))
        self.first = (k - 1 - t) % s  # of those taps, in the turned kernel
        self.begin = taps - 1 - q
        self.end = self.count - static_shape(node.y, 2)[axis] - self.begin + taps - 1
        self.fits = taps > 0 and self.begin >= 0 and self.end >= 0

    @classmethod
    def along(cls, axis: int, node: Step, window: Window, kernel: Sequence[int]) -> list[_Phase]:
        """Every phase of an axis."""
        return [cls(r, axis, node, window, kernel) for r in range(window.strides[axis])]


def _interleaved(op: Builder, dy: ir.Value, node: Step, window: Window, phases: Sequence[Sequence[_Phase]]) -> ir.Value:
    """One dense convolution for each phase, and their results side by side."""
    group = node.attributes.get("group", 1)
    kernel = turned(op.once, weight(node), group)
    channels = static_shape(node.x)[0]
    height, width = phases[0][0].count, phases[1][0].count * window.strides[1]
    rows = []
    for row in phases[0]:
        parts = []
        for column in phases[1]:
            first = [row.first, column.first]
            part = op.once.Slice(kernel, first, [2**31, 2**31], [2, 3], window.strides)
            dx = op.Conv(dy, part, pads=[row.begin, column.begin, row.end, column.end], group=group)
            parts.append(op.Unsqueeze(dx, [4]))
        rows.append(op.reshape_rows(op.Concat(*parts, axis=4), [channels, height, width]))
    whole = (height * window.strides[0], width)
    dx = op.reshape_rows(op.Concat(*rows, axis=3), [channels, *whole])
    return _cropped(op, dx, whole, static_shape(node.x, 2))


def _cropped(op: Builder, dx: ir.Value, size: Sequence[int], wanted: Sequence[int]) -> ir.Value:
    """``dx`` without what phases of equal length have too much, below and at the right."""
    rest = [w - s for w, s in zip(wanted, size, strict=True)]
    return op.padded(dx, 4, {2: (0, rest[0]), 3: (0, rest[1])}) if any(rest) else dx
