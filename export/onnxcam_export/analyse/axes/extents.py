"""How much of the image a map stands for, after operators that cut out a part of it or add a border."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxcam_export.analyse.axes.factors import Axis, Extent, Factor, Role, is_places
from onnxcam_export.analyse.axes.links import How, links_of
from onnxcam_export.graph.steps import shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from onnxcam_export.analyse.axes.taken import Index, Taken
    from onnxcam_export.graph.steps import Step

_WINDOWS = frozenset(("Conv", "MaxPool", "AveragePool", "LpPool"))


def tell_extents(step: Step, axes: dict[ir.Value, tuple[Axis, ...]]) -> None:
    """Enters the extents of the axes that the step gives another size, or new places."""
    if step.x not in axes or step.y not in axes:
        return
    for link in links_of(step):
        axis = axes[step.y][link.y_axis]
        if link.how is How.OTHER and link.input == 0 and len(axis) == 1 and axis[0].role is Role.PLACES:
            parts = any(factor.extent is Extent.PART for factor in axes[step.x][link.x_axis])
            axis[0].extent = Extent.PART if parts else _after(step, link.x_axis)


def _after(step: Step, axis: int) -> Extent:
    """The extent of an axis that was whole."""
    before, after = shape_of(step.x)[axis] or 0, shape_of(step.y)[axis] or 0
    if step.op_type == "Pad":
        return Extent.BORDER if after > before else Extent.PART
    strides = step.attributes.get("strides") or [1] * axis
    stride = int(strides[axis - 2]) if axis - 2 < len(strides) else 1
    if step.op_type in _WINDOWS and after > math.ceil(before / stride):
        return Extent.GROWN
    return Extent.GROWN if step.op_type == "ConvTranspose" and after > before * stride else Extent.WHOLE


def without(axes: tuple[Axis, ...], taken: Sequence[Taken]) -> tuple[Axis, ...]:
    """The axes after elements of some were taken; a map of which one row was taken is a part along each axis."""
    result: list[Axis | None] = list(axes)
    for item in taken:
        result[item.axis] = part_of(axes[item.axis], item.elements) if item.keeps else None
    kept = tuple(axis for axis in result if axis is not None)
    row = any(not item.keeps and is_places(axes[item.axis]) and _length(axes[item.axis]) > 1 for item in taken)
    return tuple(map(_part, kept)) if row else kept


def part_of(axis: Axis, index: Index) -> Axis:
    """The axis of some of the elements."""
    size = _length(axis)
    if len(index) == size and np.array_equal(index, np.arange(size)):
        return axis
    (factor, *others) = axis
    if factor.places and np.array_equal(index, factor.token_indices):
        return factor.places
    if others or factor.places or factor.role in {Role.BATCH, Role.MIXTURE}:
        return (Factor(max(1, len(index))),)
    return (factor.like(len(index), _extent_of(factor, index)),)


def _extent_of(factor: Factor, index: Index) -> Extent:
    """Every second element is still the whole; what is cut off a border is, too."""
    steps = set(np.diff(index).tolist())
    (step,) = steps if len(steps) == 1 else (1,)
    if step > 0 and index[:1].sum() < step and index[-1:].sum() + step >= factor.size and len(steps) < 2:
        return factor.extent
    cut = {Extent.BORDER: Extent.WHOLE, Extent.GROWN: Extent.WHOLE}
    return Extent.PART if step < 0 or len(steps) > 1 else cut.get(factor.extent, Extent.PART)


def _part(axis: Axis) -> Axis:
    return tuple(factor.like(factor.size, Extent.PART) if factor.role is Role.PLACES else factor for factor in axis)


def _length(axis: Axis) -> int:
    return math.prod(factor.size for factor in axis)
