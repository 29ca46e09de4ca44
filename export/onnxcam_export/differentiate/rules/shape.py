"""Operators that change the shape or order of elements: Reshape, Transpose, Expand, Resize, …."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.differentiate.lowering.axis_matrices import apply_transposed, resize_matrices
from onnxcam_export.differentiate.rule import Gradients, rule, sum_to
from onnxcam_export.graph.expressions import reshape_rows
from onnxcam_export.graph.steps import Step, shape_of, size_of, static_shape

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder


@rule
def Reshape(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` in the shape of x."""
    return _in_shape_of_x(op, step, dy)


@rule
def Flatten(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` in the shape of x."""
    return _in_shape_of_x(op, step, dy)


@rule
def Squeeze(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` in the shape of x."""
    return _in_shape_of_x(op, step, dy)


@rule
def Unsqueeze(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = dy`` in the shape of x."""
    return _in_shape_of_x(op, step, dy)


@rule
def Transpose(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = transpose(dy)``, with the inverse permutation."""
    rank = len(shape_of(step.x))
    perm = step.attributes.get("perm", list(range(rank))[::-1])
    return [op.Transpose(dy, perm=np.argsort(perm).tolist())]


@rule
def DepthToSpace(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = SpaceToDepth(dy)``, in the mode's order of elements."""
    block = int(step.attributes["blocksize"])
    if step.attributes.get("mode", "DCR") == "DCR":
        return [op.SpaceToDepth(dy, blocksize=block)]
    depth, height, width = static_shape(step.x)
    blocks = op.Reshape(dy, [-1, depth // block**2, height, block, width, block])
    return [reshape_rows(op, op.Transpose(blocks, perm=[0, 1, 3, 5, 2, 4]), [depth, height, width])]


@rule
def SpaceToDepth(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx = DepthToSpace(dy)``."""
    return [op.DepthToSpace(dy, blocksize=int(step.attributes["blocksize"]))]


@rule
def Expand(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx`` is dy summed over the axes that were repeated."""
    return [sum_to(op, dy, shape_of(step.y), shape_of(step.x))]


@rule
def Tile(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx`` is dy summed over the repetitions."""
    repeats = step.constant(1)
    assert repeats is not None  # noqa: S101 — required by the operator
    split: list[int] = []
    copies = []
    for axis, (size, repeat) in enumerate(zip(shape_of(step.x), repeats.tolist(), strict=True)):
        if repeat != 1:
            copies.append(len(split))
            split += [repeat, size_of(step.x, axis)]
        else:
            split.append(-1 if size is None or axis == 0 else size)
    if not copies:
        return [dy]
    return [op.ReduceSum(op.Reshape(dy, split), copies, keepdims=0)]


@rule
def Resize(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dX = A^T dY`` along each axis that changes, A the matrix of the interpolation along it, in any mode."""
    return [apply_transposed(op, dy, resize_matrices(step), shape_of(step.y))]


def in_shape_of(op: Builder, dy: ir.Value, x: ir.Value) -> ir.Value:
    """``dy`` in x's shape; the number of rows stays that of the gradient."""
    shape = list(shape_of(x))
    if shape.count(None) > 1:
        static_shape(x)  # raises, and says where the sizes become unknown
    if shape:
        shape[shape.index(None) if None in shape else 0] = -1
    return op.Reshape(dy, shape)


def _in_shape_of_x(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    return [in_shape_of(op, dy, step.x)]
