"""Operators that take parts of their input, join parts, or pad: Concat, Split, Slice, Pad, …."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.differentiate.rules.indexing import Index, axis_of, required, spread
from onnxcam_export.graph.expressions import padded, total
from onnxcam_export.graph.steps import Step, shape_of, size_of

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def Concat(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx_i`` is the part of dy that came from ``x_i``."""
    axis = axis_of(step)
    sizes = [size_of(x, axis) for x in step.inputs if x is not None]
    if len(sizes) == 1:
        return [dy]
    return op.outputs(len(sizes)).Split(dy, sizes, axis=axis)


@rule
def Split(op: Builder, step: Step, *dy: ir.Value | None) -> Gradients:
    """``dx`` is the concatenation of the dy_i, with zeros where an output has no gradient."""
    axis = axis_of(step)
    present = [(i, part) for i, part in enumerate(dy) if part is not None]
    if len(present) == len(step.outputs):
        return [op.Concat(*dy, axis=axis) if len(present) > 1 else present[0][1]]
    starts = np.cumsum([0, *(size_of(y, axis) for y in step.outputs)])
    around = {i: (int(starts[i]), int(starts[-1] - starts[i + 1])) for i, _ in present}
    rank = len(shape_of(step.x))
    return [total(op, [padded(op, part, rank, {axis: around[i]}) for i, part in present])]


@rule
def Slice(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx`` is dy where x was taken, zero elsewhere."""
    starts, ends = required(step, 1), required(step, 2)
    axes, strides = step.constant(3), step.constant(4)
    axes = np.arange(len(starts)) if axes is None else axes % len(shape_of(step.x))
    strides = np.ones(len(starts), np.int64) if strides is None else strides
    for start, end, axis, stride in zip(starts.tolist(), ends.tolist(), axes.tolist(), strides.tolist(), strict=True):
        if (start, stride) == (0, 1) and end >= 2**31 - 1:
            continue  # the whole axis, which may be the batch
        size = size_of(step.x, axis)
        end = None if stride < 0 and end <= -(2**31) else end  # noqa: PLW2901 — None is "to the first" in Python
        dy = spread(op, dy, np.arange(size)[slice(start, end, stride)], axis, size, len(shape_of(step.x)))
    return [dy]


@rule
def Pad(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx`` is dy without the padding; the dy of padding that repeats x (reflect, edge, wrap) is added to x's."""
    pads, axes = required(step, 1), step.constant(3)
    rank = len(shape_of(step.x))
    axes = np.arange(rank) if axes is None else axes % rank
    changed = [(int(axis), int(b), int(e)) for axis, b, e in zip(axes, *np.split(pads, 2), strict=True) if b or e]
    mode = step.attributes.get("mode", "constant")
    if mode == "constant" and changed:
        dy = padded(op, dy, rank, {axis: (-begin, -end) for axis, begin, end in changed})
    elif mode != "constant":
        for axis, begin, end in changed:
            size = size_of(step.x, axis)
            dy = spread(op, dy, _repeated(size, begin, end, mode), axis, size, rank)
    return [dy]


@rule
def Trilu(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx`` is the same triangle of dy."""
    return [op.Trilu(dy, *step.inputs[1:], upper=step.attributes.get("upper", 1))]


@rule
def CumSum(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx`` is the cumulative sum of dy from the other end."""
    reverse = 1 - step.attributes.get("reverse", 0)
    return [op.CumSum(dy, step.inputs[1], reverse=reverse, exclusive=step.attributes.get("exclusive", 0))]


def _repeated(size: int, begin: int, end: int, mode: str) -> Index:
    """The index from which each element of a padded axis is copied; negative padding crops."""
    known = cast("Literal['reflect', 'edge', 'wrap']", mode)
    index = np.pad(np.arange(size), (max(begin, 0), max(end, 0)), mode=known)
    return index[max(-begin, 0) : len(index) - max(-end, 0)]
