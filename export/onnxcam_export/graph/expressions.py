"""Short expressions of nodes that several rules use: sums, masks, padding, reshaping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder

_BELOW_ZERO = -1.1754943e-38  # the smallest normal float32


def total(op: Builder, values: Sequence[ir.Value]) -> ir.Value:
    """The sum of one or more values of one shape."""
    result = values[0]
    for value in values[1:]:
        result = op.Add(result, value)
    return result


def positive(op: Builder, x: ir.Value) -> ir.Value:
    """``[x > 0]`` as 0 and 1. On CPUs, ``Mul`` with it is several times faster than ``Where``."""
    return above(op, x, 0.0)


def above(op: Builder, x: ir.Value, bound: ir.Value | float) -> ir.Value:
    """``[x > bound]`` as 0 and 1, in one pass over memory: a hard sigmoid with a very large slope.

    On CPUs this and a ``Mul`` take a quarter of the time of ``Sign``, and less than ``Greater``, ``Cast`` and
    ``Where``. It is exact except for differences below 1e-30. ``Min`` with a scaled gradient would
    save a fifth of the masks' time, but is wrong for small activations.

    Other runtimes decide the numbers. OpenVINO reads a ``beta`` of 0 as the default of 0.5; the negative one is still
    exactly 0 at 0. The largest float32 overflows in tinygrad, and WebGPU promises nothing there.
    """
    steepest = min(1e30, float(np.finfo(op.dtype.numpy()).max))
    difference = x if isinstance(bound, float) and bound == 0.0 else op.Sub(x, bound)
    return op.HardSigmoid(difference, alpha=steepest, beta=_BELOW_ZERO)


def padded(op: Builder, x: ir.Value, rank: int, around: Mapping[int, tuple[int, int]]) -> ir.Value:
    """``x`` with zeros before and after it along some axes; negative numbers crop.

    The pads are those of all axes, because ONNX Runtime (1.31) moves a Transpose past a Pad and ignores its ``axes``.
    """
    before, after = ([around.get(axis, (0, 0))[side] for axis in range(rank)] for side in (0, 1))
    return op.Pad(x, [*before, *after])


def reshape_rows(op: Builder, dy: ir.Value, shape: Sequence[int]) -> ir.Value:
    """``dy`` with each row in this shape.

    The number of rows is left open: the gradient has M rows where the forward pass has N.
    """
    return op.Reshape(dy, [-1, *shape])


def one_hot(op: Builder, index: ir.Value, size: int) -> ir.Value:
    """One at the index along a new last axis of that size, and zero elsewhere."""
    return op.OneHot(index, size, np.asarray([0, 1], op.dtype.numpy()), axis=-1)


def cast_like(op: Builder, x: ir.Value, dtype: ir.DataType | None) -> ir.Value:
    """``x``, which has the type ``dtype``, in the gradient's type; without a node if they are the same."""
    return x if dtype == op.dtype else op.Cast(x, to=int(op.dtype))
