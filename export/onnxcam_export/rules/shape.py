"""Operators that only move elements about, and sums over axes."""

# ruff: noqa: N802 — a rule is named after its operator

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from onnxcam_export.builder import Builder
from onnxcam_export.rules.registry import Gradients, rule
from onnxcam_export.steps import Step, shape_of, static_shape


@rule
def Reshape(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` in the shape of x."""
    return [_in_shape_of(op, dy, node.x), *[None] * (len(node.inputs) - 1)]


@rule
def Flatten(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` in the shape of x."""
    return [_in_shape_of(op, dy, node.x)]


@rule
def Squeeze(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` in the shape of x."""
    return [_in_shape_of(op, dy, node.x), *[None] * (len(node.inputs) - 1)]


@rule
def Unsqueeze(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` in the shape of x."""
    return [_in_shape_of(op, dy, node.x), None]


@rule
def Transpose(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` with the axes put back."""
    rank = len(shape_of(node.x))
    perm = node.attributes.get("perm", list(range(rank))[::-1])
    return [op.Transpose(dy, perm=np.argsort(perm).tolist())]


@rule
def Concat(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx_i`` is the part of dy that came from ``x_i``."""
    axis = _axis(node)
    sizes = [static_shape(x, axis)[0] for x in node.inputs if x is not None]
    if len(sizes) == 1:
        return [dy]
    parts: list[ir.Value] = op.Split(dy, sizes, outputs=len(sizes), axis=axis)
    return parts


@rule
def Split(op: Builder, node: Step, *dy: ir.Value | None) -> Gradients:
    """``dx`` is the dy_i side by side, zeros where there is none."""
    axis = _axis(node)
    sizes = [static_shape(y, axis)[0] for y in node.outputs]
    starts = np.cumsum([0, *sizes])
    rest = [None] * (len(node.inputs) - 1)
    present = [(i, part) for i, part in enumerate(dy) if part is not None]
    if len(present) == len(sizes):
        return [op.Concat(*dy, axis=axis), *rest]
    padded = [op.Pad(part, [starts[i], starts[-1] - starts[i + 1]], None, [axis]) for i, part in present]
    return [op.total(padded), *rest]


@rule
def Slice(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx`` is dy where x was taken, zero elsewhere."""
    starts, ends = node.constant(1), node.constant(2)
    assert starts is not None  # noqa: S101 — required by the operator
    assert ends is not None  # noqa: S101 — required by the operator
    axes, steps = node.constant(3), node.constant(4)
    axes = np.arange(len(starts)) if axes is None else axes
    steps = np.ones(len(starts), np.int64) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = static_shape(node.x, axis % len(shape_of(node.x)))[0]
        taken = np.arange(size)[slice_of(int(start), int(end), int(step))]
        dy = spread(op, dy, taken, int(axis) % len(shape_of(node.x)), size)
    return [dy, *[None] * (len(node.inputs) - 1)]


@rule
def Gather(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx[i] = sum of the dy that were taken from i``, for constant indices."""
    axis = _axis(node)
    size = static_shape(node.x, axis)[0]
    index = node.constant(1)
    assert index is not None  # noqa: S101 — required by the operator
    if index.ndim == 0:
        dy = op.Unsqueeze(dy, [axis])
    elif index.ndim > 1:
        shape = list(shape_of(node.y))
        flat = [-1 if dim is None else dim for dim in shape[:axis]] + [index.size]
        dy = op.Reshape(dy, flat + [-1 if dim is None else dim for dim in shape[axis + index.ndim :]])
    return [spread(op, dy, index.ravel() % size, axis, size), None]


@rule
def Pad(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx`` is dy without the padding."""
    pads, axes = node.constant(1), node.constant(3)
    assert pads is not None  # noqa: S101 — required by the operator
    rank = len(shape_of(node.x))
    axes = np.arange(rank) if axes is None else axes % rank
    changed = [(int(axis), int(b), int(e)) for axis, b, e in zip(axes, *np.split(pads, 2), strict=True) if b or e]
    if changed:
        dy = op.Pad(dy, [*[-b for _, b, _ in changed], *[-e for _, _, e in changed]], None, [a for a, _, _ in changed])
    return [dy, *[None] * (len(node.inputs) - 1)]


@rule
def Expand(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx`` is dy summed over the axes that were repeated."""
    y_shape, x_shape = shape_of(node.y), shape_of(node.x)
    extra = len(y_shape) - len(x_shape)
    axes = [a for a, (n, to) in enumerate(zip(y_shape, (1,) * extra + x_shape, strict=True)) if to == 1 and n != 1]
    if axes:
        dy = op.ReduceSum(dy, axes, keepdims=1)
    return [op.Squeeze(dy, list(range(extra))) if extra else dy, None]


@rule
def ReduceMean(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy / n`` everywhere along the n elements of the axes."""
    axes = _reduced_axes(node)
    count = math.prod(static_shape(node.x, axis)[0] for axis in axes)
    return [_repeated(op, node, op.Mul(dy, 1 / count), axes), *[None] * (len(node.inputs) - 1)]


@rule
def ReduceSum(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` everywhere along the axes."""
    return [_repeated(op, node, dy, _reduced_axes(node)), *[None] * (len(node.inputs) - 1)]


def slice_of(start: int, end: int, step: int) -> slice:
    """The Python slice that an ONNX Slice along one axis means."""
    if step < 0 and end <= -(2**31):
        return slice(start, None, step)
    return slice(start, end, step)


def spread(op: Builder, dy: ir.Value, index: np.ndarray, axis: int, size: int) -> ir.Value:
    """``dx[index[i]] += dy[i]`` along an axis of that size, as padding where possible and as a gather otherwise."""
    count = len(index)
    if count and np.array_equal(index, np.arange(index[0], index[0] + count)):
        before, behind = int(index[0]), size - int(index[0]) - count
        return op.Pad(dy, [before, behind], None, [axis]) if before or behind else dy
    padded = op.Pad(dy, [0, 1], None, [axis])  # one zero slice behind the last: where nothing was taken
    layers = []
    remaining = list(range(count))
    while remaining:
        source = np.full(size, count)
        later = []
        for i in remaining:
            if source[index[i]] == count:
                source[index[i]] = i
            else:
                later.append(i)
        layers.append(op.Gather(padded, source, axis=axis))
        remaining = later
    return op.total(layers)


def _axis(node: Step) -> int:
    return int(node.attributes.get("axis", 0)) % len(shape_of(node.x))


def _in_shape_of(op: Builder, dy: ir.Value, x: ir.Value) -> ir.Value:
    """``dy`` in x's shape, but for its batch, which the gradient has of its own."""
    shape = list(shape_of(x))
    batch = shape.index(None) if None in shape else 0
    shape[batch] = -1
    result: ir.Value = op.Reshape(dy, shape)
    return result


def _reduced_axes(node: Step) -> list[int]:
    """The axes summed over, counted from the front."""
    rank = len(shape_of(node.x))
    axes = node.attributes.get("axes")
    if axes is None:
        constant = node.constant(1)
        axes = [] if constant is None else constant.tolist()
    if not len(axes) and not node.attributes.get("noop_with_empty_axes", 0):
        axes = range(rank)
    return sorted(int(axis) % rank for axis in axes)


def _repeated(op: Builder, node: Step, dy: ir.Value, axes: list[int]) -> ir.Value:
    """``dy``, which lost these axes, repeated along them to the shape of x."""
    if not node.attributes.get("keepdims", 1):
        dy = op.Unsqueeze(dy, axes)
    size = [static_shape(node.x, axis)[0] if axis in axes else 1 for axis in range(len(shape_of(node.x)))]
    result: ir.Value = op.Expand(dy, size)
    return result
