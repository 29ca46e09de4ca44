"""Writes assignments to slices with a mask: ``x[:, :, 1:] = u`` as ``Where(mask, Pad(u), x)``.

PyTorch's older exporter writes them as a ScatterND, with the index of every element along every axis, the batch
included: the ranges of the axes, each expanded to all of them, side by side. Such an index belongs to one batch, and is
larger than what it writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.counting import first_in, first_of
from onnxcam_export.graph.steps import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt


def write_by_masks(graph: ir.Graph, firsts: Mapping[str, int]) -> None:
    """Replaces each such ScatterND, in place.

    Args:
        graph: The graph; the shapes of its values are known.
        firsts: The first of the indices of a range, which ``complete_shapes`` found.
    """
    op = Builder(graph, prefix="assigned")
    for node in list(graph):
        if node.op_type == "ScatterND" and node.attributes.get_string("reduction", "none") == "none":
            starts = _starts(node, firsts)
            if starts is not None:
                _write(op.branch(node.outputs[0].name or ""), node, starts)


def _starts(node: ir.Node, firsts: Mapping[str, int]) -> list[int] | None:
    """Where the slice begins along each axis; None of other indices."""
    data, indices, updates = node.inputs
    if data is None or indices is None or updates is None:
        return None
    if data.shape is None or indices.shape is None or updates.shape is None:
        return None
    grid = ir.convenience.get_const_tensor(indices)
    found = _of_columns(indices, firsts) if grid is None else _of_grid(grid.numpy())
    starts = [start for start in found if start is not None and start >= 0]
    if len(starts) < len(found) or len(found) != len(indices.shape) - 1 or len(updates.shape) != len(data.shape):
        return None
    starts += [0] * (len(data.shape) - len(starts))
    sizes = zip(starts, data.shape, updates.shape, strict=True)
    return starts if all(_fits(start, size, written) for start, size, written in sizes) else None


def _fits(start: int, size: object, written: object) -> bool:
    """Whether a slice is within its axis; that of the batch is all of it."""
    if isinstance(size, int) and isinstance(written, int):
        return start + written <= size
    return start == 0 and size == written


def _of_grid(grid: npt.NDArray[np.generic]) -> list[int | None]:
    """The first index along each axis, of known indices, [*sizes, axes]; None where they do not count."""
    if grid.shape[-1:] != (grid.ndim - 1,) or not grid.size:
        return []
    columns = (np.moveaxis(grid[..., axis], axis, -1).reshape(-1, grid.shape[axis]) for axis in range(grid.ndim - 1))
    return [first_of(rows[0]) if (rows == rows[:1]).all() else None for rows in columns]


def _of_columns(indices: ir.Value, firsts: Mapping[str, int]) -> list[int | None]:
    """The first index along each axis, of ranges that are expanded and put side by side."""
    concat, rank = indices.producer(), len(shape_of(indices)) - 1
    if rank == 1:
        return [first_in(indices, firsts)]
    if concat is None or concat.op_type != "Concat" or concat.attributes.get_int("axis", 0) not in {-1, rank}:
        return []
    found = []
    for axis, column in enumerate(concat.inputs):
        along = _input_of(_input_of(column, "Unsqueeze"), "Expand")
        shape = () if along is None or along.shape is None else (*[1] * (rank - len(along.shape)), *along.shape)
        counts = bool(shape) and all(size == 1 for place, size in enumerate(shape) if place != axis)
        found.append(first_in(along, firsts) if along is not None and counts else None)
    return found


def _input_of(value: ir.Value | None, op_type: str) -> ir.Value | None:
    """What the value is made of, if that operator makes it."""
    node = value.producer() if value is not None else None
    return node.inputs[0] if node is not None and node.op_type == op_type else None


def _write(op: Builder, node: ir.Node, starts: Sequence[int]) -> None:
    """Puts Pad and Where in the place of a ScatterND, or the updates alone where they are everything."""
    data, _, updates = node.inputs
    y = node.outputs[0]
    assert data is not None  # noqa: S101 — required by the operator
    assert updates is not None  # noqa: S101 — the same
    sizes, written = shape_of(data), shape_of(updates)
    ends = [
        0 if size is None or part is None else size - start - part
        for start, size, part in zip(starts, sizes, written, strict=True)
    ]
    if not any((*starts, *ends)):
        ir.convenience.replace_all_uses_with([y], [updates], replace_graph_outputs=True)
        op.graph.remove(node, safe=True)
        return
    mask = np.zeros([1 if size is None else size for size in sizes], bool)
    mask[tuple(slice(start, mask.shape[axis] - ends[axis]) for axis, start in enumerate(starts))] = True
    padded = op.Pad(updates, [*starts, *ends])
    padded.type, padded.shape = updates.type, data.shape
    new = op.Where(mask, padded, data)
    new.name, new.type, new.shape = y.name, y.type, y.shape or data.shape
    ir.convenience.replace_nodes_and_values(op.graph, node, [node], op.all_nodes, [y], [new])
