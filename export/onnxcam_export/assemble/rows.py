"""The explained rows: the classes of the targets first, then the rows of cotangents that the caller gives.

The explained scalar of a row is ``y = <v, scores>``. A class is the row ``e_c``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.graph.expressions import one_hot

if TYPE_CHECKING:
    from onnxcam_export.graph.builder import Builder

# Up to this number of classes all are ranked, by TopK with a constant k: TVM, pnnx and CUDA graphs take no other. With
# 100 classes that is free; with 1,000 it takes 12 us more than a computed k, with 21,841 1.6 ms.
_RANKED = 256


def resolve_targets(op: Builder, scores: ir.Value, classes: int, target: ir.Value) -> ir.Value:
    """The class of each target: ranks (-1 is the top-scoring class) become indices.

    Args:
        op: The builder of the nodes.
        scores: [N, C].
        classes: C.
        target: int64 [T]; T = N, T = 1 or N = 1, or T = 0.

    Returns:
        int64 [T], or [N] if one target is for N images.
    """
    zero, one = np.asarray(0, np.int64), np.asarray(1, np.int64)
    rank = op.Max(op.Sub(np.asarray(-1, np.int64), target), zero)  # [T]
    depth: ir.Value | list[int] = [classes]
    if classes > _RANKED:
        depth = op.Add(op.ReduceMax(op.Concat(rank, [0], axis=0), keepdims=1), one)
    _, ranked = op.outputs(2).TopK(scores, depth, axis=1)  # [N, depth]
    # The first index of each image's ranking, [N]; without targets there are none.
    end = op.Mul(op.Size(ranked), op.Min(op.Size(target), one))
    step = np.asarray(classes, np.int64) if isinstance(depth, list) else op.Squeeze(depth, [0])
    by_rank = op.Gather(op.Reshape(ranked, [-1]), op.Add(op.Range(zero, end, step), rank))
    return op.Where(op.GreaterOrEqual(target, zero), target, by_rank)


def with_seeds(op: Builder, index: ir.Value, seed: ir.Value) -> ir.Value:
    """The explained class of each row, int64 [M]: the targets' classes, then -1 for each of the seeds, [S, C]."""
    none = op.ConstantOfShape(op.Shape(seed, start=0, end=1), value=ir.tensor(np.asarray([-1], np.int64)))
    return op.Concat(index, none, axis=0)


def cotangents(op: Builder, index: ir.Value, classes: int, seed: ir.Value) -> ir.Value:
    """The rows of v, [M, C]: e_c of the classes, then the seeds.

    Args:
        op: The builder of the nodes, whose type they get.
        index: The class of each target, int64.
        classes: C.
        seed: float32 [S, C].
    """
    return op.Concat(one_hot(op, index, classes), as_dtype(op, seed), axis=0)


def as_dtype(op: Builder, seed: ir.Value) -> ir.Value:
    """The seeds, which are float32, in the type of the gradients."""
    return seed if op.dtype == ir.DataType.FLOAT else op.Cast(seed, to=int(op.dtype))
