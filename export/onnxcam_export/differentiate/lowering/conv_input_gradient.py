"""The input gradient of a convolution, computed in the fastest way that its shape allows.

``ConvTranspose`` is always right. The other ways are tried before it, in the order of ``WAYS``.

Kernels are turned once, when the model is loaded: level 2 of ResNet-50 then takes 2.30 forward passes, and 2.55 if they
are turned at each run. Two other ways are slower for the stem: all phases in one convolution, then ``DepthToSpace``
(7 x 7: 4.5 ms instead of 3.6, one thread), and a convolution over a gradient with zeros inserted (3 to 15 times as
long as ``ConvTranspose``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.differentiate.lowering.window import Window
from onnxcam_export.graph.expressions import padded, reshape_rows
from onnxcam_export.graph.optimisations import Optimisation
from onnxcam_export.graph.steps import Step, is_constant, static_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder

_MANY = 16  # channels that fill a vector register


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution ``Y = X * W``, as the ways read it.

    Attributes:
        step: The operator.
        w: The kernel, [O, I/g, *k].
        group: The number of groups g.
        kernel: The kernel's size along each spatial axis.
        size: The size of X along each spatial axis.
        window: The strides, dilations and padding.
    """

    step: Step
    w: ir.Value
    group: int
    kernel: tuple[int, ...]
    size: tuple[int, ...]
    window: Window

    @classmethod
    def of(cls, step: Step) -> Convolution:
        """Reads the operator."""
        w = weight(step)
        kernel, size = static_shape(w, 2), static_shape(step.x, 2)
        return cls(step, w, step.attributes.get("group", 1), kernel, size, Window.of(step, len(kernel)))

    @property
    def is_planar(self) -> bool:
        """Whether it is two-dimensional, with a constant kernel and no dilations."""
        return is_constant(self.w) and len(self.kernel) == 2 and set(self.window.dilations) == {1}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to compute the gradient.

    Attributes:
        optimisation: Its switch.
        gradient: ``(op, dy, convolution) -> dx``, or None if the convolution's shape does not fit.
    """

    optimisation: Optimisation
    gradient: Callable[[Builder, ir.Value, Convolution], ir.Value | None]


def conv_input_gradient(op: Builder, dy: ir.Value, step: Step) -> ir.Value:
    """``dx`` of a convolution."""
    convolution = Convolution.of(step)
    for way in WAYS:
        if way.optimisation in op.optimisations:
            dx = way.gradient(op, dy, convolution)
            if dx is not None:
                return dx
    return _transposed(op, dy, convolution)


def weight(step: Step) -> ir.Value:
    """The kernel, [O, I/g, *k]."""
    w = step.inputs[1]
    assert w is not None  # noqa: S101 — required by the operator
    return w


def _flipped(op: Builder, dy: ir.Value, convolution: Convolution) -> ir.Value | None:
    """At stride 1: a convolution of dy with the kernel turned by 180 degrees.

    Measured over all of ResNet-50 on two CPU threads: 40 ms, and 51 ms as ``ConvTranspose``.
    """
    window, group = convolution.window, convolution.group
    pads = [reach - pad for reach, pad in zip(window.reach(convolution.kernel) * 2, window.pads, strict=True)]
    if set(window.strides) != {1} or min(pads) < 0:
        return None
    kernel = turned(op, convolution.w, group)
    return op.Conv(dy, kernel, pads=pads, dilations=window.dilations, group=group)


def _enlarged(op: Builder, dy: ir.Value, convolution: Convolution) -> ir.Value | None:
    """For a pointwise kernel with strides: a pointwise convolution, with zeros between its elements.

    A ``Resize`` repeats every element, and a mask keeps one of each. Measured on one CPU thread over the shapes of
    ResNet-50 and MobileNetV2: 0.7 to 1.1 of the time of ``ConvTranspose``.
    """
    window = convolution.window
    if not convolution.is_planar or set(convolution.kernel) != {1} or any(window.pads):
        return None
    dy = op.Conv(dy, turned(op, convolution.w, convolution.group), group=convolution.group)
    down, across = window.strides
    enlarged = op.Resize(
        dy,
        None,
        np.asarray([1, 1, down, across], np.float32),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    height, width = (n * s for n, s in zip(static_shape(convolution.step.y, 2), window.strides, strict=True))
    hit = np.zeros((height, width), op.dtype.numpy())
    hit[::down, ::across] = 1
    return _cropped(op, op.Mul(enlarged, hit), (height, width), convolution.size)


def _interleaved(op: Builder, dy: ir.Value, convolution: Convolution) -> ir.Value | None:
    """With strides: one convolution for each phase of the strides, and their results interleaved.

    Measured on one CPU thread over the shapes of ResNet-50 and MobileNetV2: 0.3 to 0.8 of the time of
    ``ConvTranspose`` for depthwise kernels, and 0.75 to 1.0 for dense ones. For the three channels of an image it takes
    3.5 times as long.
    """
    channels, strides = static_shape(convolution.step.x)[0], convolution.window.strides
    if not convolution.is_planar or channels < _MANY:
        return None
    vertical, horizontal = (_Phase.along(axis, convolution) for axis in (0, 1))
    if not all(phase.fits for phase in (*vertical, *horizontal)):
        return None
    kernel = turned(op, convolution.w, convolution.group)
    height, width = vertical[0].count, horizontal[0].count * strides[1]
    rows = []
    for row in vertical:
        parts = []
        for column in horizontal:
            part = op.Slice(kernel, [row.first, column.first], [2**31, 2**31], [2, 3], strides)
            pads = [row.begin, column.begin, row.end, column.end]
            parts.append(op.Unsqueeze(op.Conv(dy, part, pads=pads, group=convolution.group), [4]))
        rows.append(reshape_rows(op, op.Concat(*parts, axis=4), [channels, height, width]))
    whole = (height * strides[0], width)
    return _cropped(op, reshape_rows(op, op.Concat(*rows, axis=3), [channels, *whole]), whole, convolution.size)


def _transposed(op: Builder, dy: ir.Value, convolution: Convolution) -> ir.Value:
    """The transposed convolution, padded to the size of x."""
    window = convolution.window
    reach, places = window.reach(convolution.kernel), static_shape(convolution.step.y, 2)
    covered = [
        s * (n - 1) + r + 1 - b - e
        for s, n, r, b, e in zip(window.strides, places, reach, window.begin, window.end, strict=True)
    ]
    return op.ConvTranspose(
        dy,
        convolution.w,
        strides=window.strides,
        pads=window.pads,
        dilations=window.dilations,
        group=convolution.group,
        output_padding=[n - c for n, c in zip(convolution.size, covered, strict=True)],
    )


WAYS = (
    Way(Optimisation.FLIPPED_CONVOLUTION, _flipped),
    Way(Optimisation.ENLARGED_GRADIENT, _enlarged),
    Way(Optimisation.INTERLEAVED_PHASES, _interleaved),
)


class _Phase:
    """The positions ``s m + r`` of x along one axis, for a stride s; they all see the same part of the kernel.

    ``dx[s m + r] = sum_j W[s j + t] dy[m + q - j]`` with ``r + pad = s q + t``.
    """

    def __init__(self, r: int, axis: int, convolution: Convolution) -> None:
        k, s = convolution.kernel[axis], convolution.window.strides[axis]
        self.count = -(-convolution.size[axis] // s)
        t = (r + convolution.window.begin[axis]) % s
        q = (r + convolution.window.begin[axis]) // s
        taps = len(range(t, k, s))
        self.first = (k - 1 - t) % s  # the first of these taps in the turned kernel
        self.begin = taps - 1 - q
        self.end = self.count - static_shape(convolution.step.y, 2)[axis] - self.begin + taps - 1
        self.fits = taps > 0 and self.begin >= 0 and self.end >= 0

    @classmethod
    def along(cls, axis: int, convolution: Convolution) -> list[_Phase]:
        """All phases of an axis."""
        return [cls(r, axis, convolution) for r in range(convolution.window.strides[axis])]


def turned(op: Builder, w: ir.Value, group: int) -> ir.Value:
    """[O, I/g, *k] as [I, O/g, *k], each kernel turned by 180 degrees."""
    outputs, inputs, *kernel = static_shape(w, 0)
    axes = list(range(2, 2 + len(kernel)))
    depthwise = outputs == group and inputs == 1  # one kernel for each channel, in and out
    if group > 1 and not depthwise:
        w = op.Reshape(w, [group, outputs // group, inputs, *kernel])
        w = op.Transpose(w, perm=[0, 2, 1, *[axis + 1 for axis in axes]])
        w = op.Reshape(w, [group * inputs, outputs // group, *kernel])
    elif not depthwise:
        w = op.Transpose(w, perm=[1, 0, *axes])
    flips = [axis for axis, size in zip(axes, kernel, strict=True) if size > 1]
    if not flips:
        return w
    count = len(flips)
    return op.Slice(w, [-1] * count, [-(2**31)] * count, flips, [-1] * count)


def _cropped(op: Builder, dx: ir.Value, size: Sequence[int], wanted: Sequence[int]) -> ir.Value:
    """``dx`` cropped at its end to the size of x, which need not be a multiple of the strides."""
    rest = [w - s for w, s in zip(wanted, size, strict=True)]
    return padded(op, dx, 4, {2: (0, rest[0]), 3: (0, rest[1])}) if any(rest) else dx
