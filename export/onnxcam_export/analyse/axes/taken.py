"""Operators that take elements of an axis by constant indices: Slice, Split and Gather."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from onnxcam_export.graph.steps import Step, is_constant, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Index = npt.NDArray[np.int64]


class Taken(NamedTuple):
    """Elements of an axis of the first input that become an axis of an output.

    Attributes:
        output: Which output.
        axis: The axis of the input.
        elements: Their indices.
        keeps: Whether the axis stays; a Gather by a single number drops it.
    """

    output: int
    axis: int
    elements: Index
    keeps: bool = True


def taken_by(step: Step) -> list[Taken] | None:
    """What each output takes; None where the step takes nothing, or by indices that the graph computes."""
    if step.op_type not in _TAKEN or not all(is_constant(x) for x in step.inputs[1:] if x is not None):
        return None
    if step.x.shape is None:
        return None
    found = list(_TAKEN[step.op_type](step))
    return found if found or step.op_type == "Slice" else None


def _slice(step: Step) -> Iterator[Taken]:
    shape = shape_of(step.x)
    starts, ends, axes, strides = (_numbers(step.input(index)) for index in (1, 2, 3, 4))
    axes = axes if axes is not None else list(range(len(starts or ())))
    strides = strides if strides is not None else [1] * len(axes)
    for start, end, axis, stride in zip(starts or (), ends or (), axes, strides, strict=True):
        size = shape[axis % len(shape)]
        whole = (start, stride) == (0, 1) and end >= (2**31 - 1 if size is None else size)
        stop = None if stride < 0 and end <= -(2**31) else end
        if not whole:
            yield Taken(0, axis % len(shape), np.arange(size or 0)[slice(start, stop, stride)])


def _split(step: Step) -> Iterator[Taken]:
    axis = int(step.attributes.get("axis", 0)) % len(shape_of(step.x))
    start = 0
    for output, y in enumerate(step.outputs):
        size = None if y.shape is None else shape_of(y)[axis]
        if size is None:
            return
        yield Taken(output, axis, np.arange(start, start + size))
        start += size


def _gather(step: Step) -> Iterator[Taken]:
    index, shape = step.constant(1), shape_of(step.x)
    axis = int(step.attributes.get("axis", 0)) % len(shape)
    size = shape[axis]
    if index is not None and index.ndim < 2 and size is not None:
        yield Taken(0, axis, np.asarray(index).ravel() % size, keeps=index.ndim == 1)


def _numbers(value: ir.Value | None) -> list[int] | None:
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return None if tensor is None else [int(number) for number in tensor.numpy().ravel()]


_TAKEN: dict[str, Callable[[Step], Iterator[Taken]]] = {"Slice": _slice, "Split": _split, "Gather": _gather}
