"""Operators that write elements at indices: ScatterElements, ScatterND, Col2Im."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.differentiate.rules.indexing import Index, axis_of, required
from onnxcam_export.errors import LATER_LAYER, OperatorError
from onnxcam_export.graph.expressions import padded, reshape_rows
from onnxcam_export.graph.steps import Step, shape_of, static_shape

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def ScatterElements(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dupdates = dy[index]``; ``dx = dy``, with zeros at the indices unless the updates are added to x."""
    added, axis, batch = _is_added(step), axis_of(step), _batch_axis(step.x)
    if axis == batch:
        raise OperatorError(f"the rule for ScatterElements writes within each image, not across the batch: {step}")
    rank = len(shape_of(step.x))
    rows = [[1] * batch, op.Shape(dy, start=batch, end=batch + 1), [1] * (rank - batch - 1)]
    index = op.Expand(step.inputs[1], op.Concat(*(part for part in rows if part), axis=0))
    updates = op.GatherElements(dy, index, axis=axis)
    dx = dy if added else op.ScatterElements(dy, index, op.Expand(0.0, op.Shape(index)), axis=axis)
    return [dx, None, updates]


@rule
def ScatterND(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dupdates = dy[index]``; ``dx = dy``, with zeros at the indices unless the updates are added to x."""
    added, index, shape = _is_added(step), step.inputs[1], shape_of(step.x)
    depth = static_shape(index, -1)[0] if index is not None else 0
    if None in shape[:depth]:
        raise OperatorError(
            f"the rule for ScatterND writes along whole axes after the batch only: {step}; write an assignment by a "
            "mask with torch.where"
        )
    updates = op.GatherND(dy, index)
    if added:
        return [dy, None, updates]
    zeros = op.Expand(0.0, op.Shape(index, start=0, end=-1))
    ones = op.Expand(1.0, [size for size in shape[:depth] if size is not None])
    kept = op.ScatterND(ones, index, zeros)
    rest = list(range(depth, len(shape)))
    return [op.Mul(dy, op.Unsqueeze(kept, rest) if rest else kept), None, updates]


@rule
def Col2Im(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx[c, k, l]`` is the dy at position k of window l, and 0 where that is padding."""
    channels, *size = static_shape(step.y)
    taken = _window_positions(step, size)
    flat = padded(op, reshape_rows(op, dy, [channels, math.prod(size)]), 3, {2: (0, 1)})  # a zero at the end
    return [op.Reshape(op.Gather(flat, taken, axis=2), [-1, channels * len(taken), taken.shape[1]])]


def _window_positions(step: Step, size: list[int]) -> Index:
    """[K, L]: the flat index of each of a window's K positions, for each of the L windows; that of padding is last."""
    block = required(step, 2).tolist()
    rank = len(block)
    dilations = step.attributes.get("dilations", [1] * rank)
    strides = step.attributes.get("strides", [1] * rank)
    pads = step.attributes.get("pads", [0] * 2 * rank)
    flat, inside = np.zeros([1] * 2 * rank, np.int64), np.ones([1] * 2 * rank, bool)
    for axis in range(rank):
        whole = size[axis] + pads[axis] + pads[axis + rank]
        count = (whole - dilations[axis] * (block[axis] - 1) - 1) // strides[axis] + 1
        place = np.arange(block[axis])[:, None] * dilations[axis] + np.arange(count) * strides[axis] - pads[axis]
        place = np.expand_dims(place, [other for other in range(2 * rank) if other not in {axis, axis + rank}])
        flat = flat * size[axis] + place
        inside = inside & (place >= 0) & (place < size[axis])
    return np.where(inside, flat, math.prod(size)).reshape(math.prod(block), -1)


def _is_added(step: Step) -> bool:
    """Whether the updates are added to x, and not put in its place.

    Raises:
        OperatorError: They are combined with x in another way.
    """
    reduction = step.attributes.get("reduction", "none")
    if reduction not in {"none", "add"}:
        raise OperatorError(
            f"the rule for {step.op_type} replaces or adds elements, and reduction={reduction!r} is not supported: "
            f"{step}; {LATER_LAYER}"
        )
    return str(reduction) == "add"


def _batch_axis(x: ir.Value) -> int:
    """The axis of the batch: the first, unless another one is known only at run time."""
    shape = shape_of(x)
    return shape.index(None) if None in shape else 0
