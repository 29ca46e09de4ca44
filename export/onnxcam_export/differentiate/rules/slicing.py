"""Operators that take a part of their input, put parts together, or fill up around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.differentiate.rules.indexing import Index, axis_of, required, spread
from onnxcam_export.graph.steps import Step, shape_of, size_of

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def Concat(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx_i`` is the part of dy that came from ``x_i``."""
    axis = axis_of(node)
    sizes = [size_of(x, axis) for x in node.inputs if x is not None]
    if len(sizes) == 1:
        return [dy]
    parts: list[ir.Value] = op.Split(dy, sizes, outputs=len(sizes), axis=axis)
    return parts


@rule
def Split(op: Builder, node: Step, *dy: ir.Value | None) -> Gradients:
    """``dx`` is the dy_i side by side, zeros where there is none."""
    axis = axis_of(node)
    rest = [None] * (len(node.inputs) - 1)
    present = [(i, part) for i, part in enumerate(dy) if part is not None]
    if len(present) == len(node.outputs):
        return [op.Concat(*dy, axis=axis), *rest] if len(present) > 1 else [present[0][1], *rest]
    starts = np.cumsum([0, *(size_of(y, axis) for y in node.outputs)])
    around = {i: (int(starts[i]), int(starts[-1] - starts[i + 1])) for i, _ in present}
    rank = len(shape_of(node.x))
    padded = [op.padded(part, rank, {axis: around[i]}) for i, part in present]
    return [op.total(padded), *rest]


@rule
def Slice(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx`` is dy where x was taken, zero elsewhere."""
    starts, ends = required(node, 1), required(node, 2)
    axes, steps = node.constant(3), node.constant(4)
    axes = np.arange(len(starts)) if axes is None else axes % len(shape_of(node.x))
    steps = np.ones(len(starts), np.int64) if steps is None else steps
    for start, end, axis, step in zip(starts.tolist(), ends.tolist(), axes.tolist(), steps.tolist(), strict=True):
        if (start, step) == (0, 1) and end >= 2**31 - 1:
            continue  # the whole axis, which may be the batch
        size = size_of(node.x, axis)
        end = None if step < 0 and end <= -(2**31) else end  # noqa: PLW2901 — "down to the first" in Python's notation
        dy = spread(op, dy, np.arange(size)[slice(start, end, step)], axis, size, len(shape_of(node.x)))
    return [dy, *[None] * (len(node.inputs) - 1)]


@rule
def Pad(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx`` is dy without the padding; where that repeats x (reflect, edge, wrap), it is added to what it repeats."""
    pads, axes = required(node, 1), node.constant(3)
    rank = len(shape_of(node.x))
    axes = np.arange(rank) if axes is None else axes % rank
    changed = [(int(axis), int(b), int(e)) for axis, b, e in zip(axes, *np.split(pads, 2), strict=True) if b or e]
    mode = node.attributes.get("mode", "constant")
    if mode == "constant" and changed:
        dy = op.padded(dy, rank, {axis: (-begin, -end) for axis, begin, end in changed})
    elif mode != "constant":
        for axis, begin, end in changed:
            size = size_of(node.x, axis)
            dy = spread(op, dy, _repeated(size, begin, end, mode), axis, size, rank)
    return [dy, *[None] * (len(node.inputs) - 1)]


@rule
def Trilu(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx`` is the same triangle of dy."""
    return [op.Trilu(dy, *node.inputs[1:], upper=node.attributes.get("upper", 1)), *[None] * (len(node.inputs) - 1)]


@rule
def CumSum(op: Builder, node: Step, dy: ir.Value) -> Gradients:
    """``dx`` is the cumulative sum of dy from the other end."""
    reverse = 1 - node.attributes.get("reverse", 0)
    return [op.CumSum(dy, node.inputs[1], reverse=reverse, exclusive=node.attributes.get("exclusive", 0)), None]


def _repeated(size: int, begin: int, end: int, mode: str) -> Index:
    """Where each element of a padded axis comes from; negative padding takes elements away."""
    known = cast("Literal['reflect', 'edge', 'wrap']", mode)
    index = np.pad(np.arange(size), (max(begin, 0), max(end, 0)), mode=known)
    return index[max(-begin, 0) : len(index) - max(-end, 0)]
