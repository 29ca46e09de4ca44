"""Operators that take elements by their indices: Gather, TopK, …."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.errors import OperatorError
from onnxcam_export.graph.expressions import cast_like, padded, total
from onnxcam_export.graph.steps import Step, shape_of, size_of, static_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam_export.graph.builder import Builder

Index = npt.NDArray[np.int64]


@rule
def Gather(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx[i] = sum of the dy taken from i``, for constant indices."""
    axis = axis_of(step)
    size, index = size_of(step.x, axis), required(step, 1)
    if index.ndim == 0:
        dy = op.Unsqueeze(dy, [axis])
    elif index.ndim > 1:
        shape = [-1 if dim is None else dim for dim in shape_of(step.x)]
        shape[0] = -1 if axis != 0 and -1 not in shape else shape[0]
        dy = op.Reshape(dy, [*shape[:axis], index.size, *shape[axis + 1 :]])
    return [spread(op, dy, index.ravel() % size, axis, size, len(shape_of(step.x)))]


@rule
def GatherElements(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx[index] += dy`` along the axis."""
    return [_scattered(op, step, dy, step.inputs[1], axis_of(step))]


@rule
def GatherND(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dX = A^T dY`` for constant indices, A the matrix of zeros and ones that takes elements of X.

    PyTorch exports adaptive pooling in this way if the output's size does not divide the map's.
    """
    index, shape = required(step, 1), shape_of(step.x)
    depth = index.shape[-1]
    if step.attributes.get("batch_dims", 0) or None in shape[:depth]:
        raise OperatorError(f"the rule for GatherND takes elements along whole axes after the batch only: {step}")
    taken = [size_of(step.x, axis) for axis in range(depth)]
    rows = np.ravel_multi_index(tuple((index.reshape(-1, depth) % taken).T), taken)
    matrix = np.zeros((math.prod(taken), len(rows)), op.dtype.numpy())
    matrix[rows, np.arange(len(rows))] = 1
    dx = op.MatMul(matrix, op.Reshape(dy, [len(rows), -1]))
    return [op.Reshape(dx, [-1 if size is None else size for size in shape])]


@rule
def TopK(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx[index] = dy`` along the axis, at the indices that the operator returns."""
    axis = int(step.attributes.get("axis", -1)) % len(shape_of(step.x))
    return [_scattered(op, step, dy, step.outputs[1], axis)]


def spread(op: Builder, dy: ir.Value, index: Index, axis: int, size: int, rank: int) -> ir.Value:  # noqa: PLR0917
    """``dx[index[i]] += dy[i]`` along an axis of that size: as padding if the indices are a range, else as gathers."""
    count = len(index)
    if count and np.array_equal(index, np.arange(index[0], index[0] + count)):
        before, after = int(index[0]), size - int(index[0]) - count
        return padded(op, dy, rank, {axis: (before, after)}) if before or after else dy
    extended = padded(op, dy, rank, {axis: (0, 1)})  # one slice of zeros at the end, for elements that were not taken
    layers: list[ir.Value] = []
    remaining = list(range(count))
    while remaining or not layers:
        source = np.full(size, count)
        later = []
        for i in remaining:
            if source[index[i]] == count:
                source[index[i]] = i
            else:
                later.append(i)
        layers.append(op.Gather(extended, source, axis=axis))
        remaining = later
    return total(op, layers)


def axis_of(step: Step) -> int:
    """The operator's axis, counted from the front."""
    return int(step.attributes.get("axis", 0)) % len(shape_of(step.x))


def required(step: Step, index: int) -> Index:
    """The constant input at ``index``, which the operator requires."""
    value = step.constant(index)
    assert value is not None  # noqa: S101 — required by the operator
    return value


def scatter_added(op: Builder, dy: ir.Value, index: ir.Value | None, size: Sequence[int], *, axis: int) -> ir.Value:
    """Zeros in rows of that size, one for each row of ``dy``, with ``dy`` added at the indices along the axis."""
    wide = op.typed(ir.DataType.FLOAT)  # CPUs add no float16 at indices
    zeros = op.Expand(wide.value(0.0), op.Concat(op.Shape(dy, start=0, end=1), size, axis=0))
    dx = op.ScatterElements(zeros, index, cast_like(wide, dy, op.dtype), axis=axis, reduction="add")
    return cast_like(op, dx, wide.dtype)


def _scattered(op: Builder, step: Step, dy: ir.Value, index: ir.Value | None, axis: int) -> ir.Value:
    return scatter_added(op, dy, op.Expand(index, op.Shape(dy)), static_shape(step.x), axis=axis)
