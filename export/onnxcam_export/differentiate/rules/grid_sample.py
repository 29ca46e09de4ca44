"""GridSample: reads a map at positions that another tensor gives, as spatial transformers do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.differentiate.rule import Gradients, rule
from onnxcam_export.differentiate.rules.indexing import scatter_added
from onnxcam_export.errors import LATER_LAYER, OperatorError
from onnxcam_export.graph.expressions import reshape_rows, total
from onnxcam_export.graph.steps import Step, static_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam_export.graph.builder import Builder


@rule
def GridSample(op: Builder, step: Step, dy: ir.Value) -> Gradients:
    """``dx[i] = sum of w_i(p) dy[p]``, and ``dp = sum over c and i of dw_i/dp x[c, i] dy[c, p]``.

    w_i(p) is the interpolation's weight of the map's element i at the position p: the product of one weight for each
    axis. Around every position there are 2^n elements with a weight, or one if the nearest is taken.
    """
    channels, *size = static_shape(step.x)
    places = static_shape(step.y)[1:]
    dy = reshape_rows(op, dy, [channels, math.prod(places)])
    axes = [_corners(op, step, axis, length) for axis, length in enumerate(size)]
    corners = [(corner, op.Expand(_flat_index(op, corner, size), op.Shape(dy))) for corner in product(*axes)]
    dx = [_map_gradient(op, dy, corner, index, [channels, math.prod(size)]) for corner, index in corners]
    return [reshape_rows(op, total(op, dx), [channels, *size]), _grid_gradient(op, step, dy, corners)]


def _map_gradient(
    op: Builder, dy: ir.Value, corner: Sequence[_Corner], index: ir.Value, size: Sequence[int]
) -> ir.Value:
    """The gradient at one of the elements around each position."""
    weighted = op.Mul(dy, _product(op, [part.weight for part in corner]))
    return scatter_added(op, weighted, index, size, axis=2)


def _grid_gradient(
    op: Builder, step: Step, dy: ir.Value, corners: Sequence[tuple[Sequence[_Corner], ir.Value]]
) -> ir.Value:
    """The gradient at the grid, [M, *places, n], the last axis of the map first; zeros if the nearest is taken."""
    channels, *size = static_shape(step.x)
    places = static_shape(step.y)[1:]
    if _takes_nearest(step):
        return op.Expand(0.0, op.Concat(op.Shape(dy, start=0, end=1), [*places, len(size)], axis=0))
    x = reshape_rows(op, step.x, [channels, math.prod(size)])
    x = op.Expand(x, op.Concat(op.Shape(dy, start=0, end=1), [1, 1], axis=0))
    parts: list[list[ir.Value]] = [[] for _ in size]
    for corner, index in corners:
        shared = op.ReduceSum(op.Mul(dy, op.GatherElements(x, index, axis=2)), [1], keepdims=1)
        for axis, part in enumerate(corner):
            others = [other.weight for other in corner if other is not part]
            parts[axis].append(op.Mul(shared, _product(op, [part.slope, *others])))
    return op.Concat(*(reshape_rows(op, total(op, part), [*places, 1]) for part in reversed(parts)), axis=-1)


@dataclass(frozen=True, slots=True)
class _Corner:
    """An element beside each position along one axis.

    Attributes:
        index: int64 [N, 1, P]: its index, inside the map.
        weight: [N, 1, P]: its weight, 0 if it is outside the map.
        slope: [N, 1, P]: the weight's derivative with respect to the grid.
    """

    index: ir.Value
    weight: ir.Value
    slope: ir.Value


def _corners(op: Builder, step: Step, axis: int, length: int) -> list[_Corner]:
    """The elements on both sides of each position along an axis, or the nearest one."""
    position, slope = _position(op, step, axis, length)
    if _takes_nearest(step):
        return [_corner(op, op.Round(position), _number(op, 1.0), slope, length)]
    below = op.Floor(position)
    share = op.Sub(position, below)
    return [
        _corner(op, below, op.Sub(1.0, share), op.Neg(slope), length),
        _corner(op, op.Add(below, 1.0), share, slope, length),
    ]


def _corner(op: Builder, place: ir.Value, weight: ir.Value, slope: ir.Value, length: int) -> _Corner:
    inside = op.Clip(place, 0.0, length - 1.0)
    known = op.Cast(op.Equal(place, inside), to=int(op.dtype))
    index = op.Cast(inside, to=int(ir.DataType.INT64))
    return _Corner(index, op.Mul(weight, known), op.Mul(slope, known))


def _position(op: Builder, step: Step, axis: int, length: int) -> tuple[ir.Value, ir.Value]:
    """The positions along an axis, [N, 1, P], in elements of the map, and their derivative by the grid."""
    rank = len(static_shape(step.x)) - 1
    grid = op.Gather(step.inputs[1], np.asarray(rank - 1 - axis), axis=-1)  # the last axis of the map comes first
    grid = reshape_rows(op, grid, [1, math.prod(static_shape(step.y)[1:])])
    aligned = step.attributes.get("align_corners", 0)
    scale = (length - 1) / 2 if aligned else length / 2
    position = op.Add(op.Mul(grid, scale), (length - 1) / 2)
    slope = _number(op, scale)
    padding = step.attributes.get("padding_mode", "zeros")
    if padding == "zeros":
        return position, slope
    if padding == "reflection":
        position, sign = _reflected(op, position, 0.0 if aligned else -0.5, length - 1.0 if aligned else float(length))
        slope = op.Mul(slope, sign)
    inside = op.Clip(position, 0.0, length - 1.0)
    return inside, op.Mul(slope, op.Cast(op.Equal(position, inside), to=int(op.dtype)))


def _reflected(op: Builder, position: ir.Value, low: float, span: float) -> tuple[ir.Value, ir.Value]:
    """The positions, reflected into ``[low, low + span]``, and 1 or -1, the derivative."""
    if not span:
        return op.Mul(position, 0.0), op.Mul(position, 0.0)
    offset = op.Sub(position, low)
    rest = op.Sub(op.Mod(op.Abs(offset), 2 * span, fmod=1), span)
    sign = op.Mul(op.Sign(offset), op.Neg(op.Sign(rest)))
    return op.Sub(low + span, op.Abs(rest)), sign


def _takes_nearest(step: Step) -> bool:
    """Whether the nearest element is taken, and not a linear interpolation.

    Raises:
        OperatorError: The interpolation is another one.
    """
    mode = str(step.attributes.get("mode", "linear"))
    if mode not in {"linear", "bilinear", "nearest"}:
        raise OperatorError(
            f"the rule for GridSample interpolates linearly or takes the nearest element, and mode={mode!r} is not "
            f"supported: {step}; {LATER_LAYER}"
        )
    return mode == "nearest"


def _flat_index(op: Builder, corner: Sequence[_Corner], size: Sequence[int]) -> ir.Value:
    index = corner[0].index
    for part, length in zip(corner[1:], size[1:], strict=True):
        index = op.Add(op.Mul(index, length), part.index)
    return index


def _product(op: Builder, factors: Sequence[ir.Value]) -> ir.Value:
    result = factors[0]
    for factor in factors[1:]:
        result = op.Mul(result, factor)
    return result


def _number(op: Builder, number: float) -> ir.Value:
    return op.constant(np.asarray(number, op.dtype.numpy()))
