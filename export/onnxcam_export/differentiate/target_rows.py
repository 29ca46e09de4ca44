"""Several targets of one image: the gradients have M rows where the forward pass has N = 1.

Where the batch is an axis of its own, broadcasting is enough. Where a Reshape merged it with other axes, [N, 8, …] to
[8 N, …] or [64, N, …] to [64 N, …], the forward values that a rule reads are repeated to the gradient's rows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam_export.errors import LATER_LAYER, ShapeError
from onnxcam_export.graph.optimisations import Optimisation
from onnxcam_export.graph.steps import Step, shape_of, shape_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam_export.graph.builder import Builder

# The symbol of M, the number of rows.
EXPLAINED = "explained"


class Rows:
    """Matches the forward pass's N rows to the gradient's M rows."""

    def __init__(self, op: Builder, score: ir.Value, seed: ir.Value, steps: Sequence[Step]) -> None:
        """Takes N from the score, [N, C], and M from the score's gradient, [M, C]; the steps say what is merged."""
        self._op = op
        self._score = score
        self._seed = seed
        self._batch = None if score.shape is None or not len(score.shape) else score.shape[0]
        self._ratio: ir.Value | None = None
        self._outer, self._mixed = self._sizes_in_front(steps)

    def matched(self, step: Step) -> Step:
        """The step, with its forward values repeated if the batch is merged with another axis."""
        if all(self._merged_axis(value) is None for value in (*step.inputs, *step.outputs)):
            return step
        if step.y in self._mixed:
            raise ShapeError(
                f"{step} moves parts of an axis past the batch, {shape_text(step.x)} to {shape_text(step.y)}, which is "
                f"not supported; transpose before reshaping, or {LATER_LAYER}"
            )
        if step.op_type in _RESHAPES:
            return step  # its rule reads shapes only
        return Step(
            step.op_type,
            tuple(value and self._repeated(value) for value in step.inputs),
            tuple(self._repeated(value) for value in step.outputs),
            step.attributes,
            step.name,
        )

    def named(self, gradient: ir.Value, x: ir.Value) -> ir.Value:
        """The gradient with respect to ``x``, with its shape stated if its rows are its first axis.

        The number of rows cannot be inferred. With a symbol for it, ONNX Runtime sees that the summands of a gradient
        have one shape, adds them inside convolutions, and plans its memory faster: DenseNet-121's session is created in
        two thirds of the time.
        """
        batch, shape = self._batch, list(x.shape or ())
        if Optimisation.STATED_ROWS not in self._op.optimisations:
            return gradient
        if gradient.shape is not None or x.dtype != ir.DataType.FLOAT or not isinstance(batch, ir.SymbolicDim):
            return gradient
        if batch.value is not None and shape[:1] == [batch] and all(isinstance(size, int) for size in shape[1:]):
            gradient.shape, gradient.dtype = ir.Shape([EXPLAINED, *shape[1:]]), x.dtype
        return gradient

    def _merged_axis(self, value: ir.Value | None) -> int | None:
        """The axis whose size is known only at run time and is not the batch."""
        if value is None or value.shape is None or isinstance(self._batch, int):
            return None
        return next((i for i, n in enumerate(value.shape) if not isinstance(n, int) and n != self._batch), None)

    def _repeated(self, value: ir.Value) -> ir.Value:
        axis = self._merged_axis(value)
        if axis is None:
            return value
        op, rank = self._op, len(shape_of(value))
        if self._ratio is None:
            self._ratio = op.Div(op.Shape(self._seed, start=0, end=1), op.Shape(self._score, start=0, end=1))
        outer, shape = self._outer.get(value, 1), [1 if size is None else size for size in shape_of(value)]
        if outer == 1:
            result = self._tiled(value, axis, rank)
        else:
            apart = op.Reshape(value, [*shape[:axis], outer, -1, *shape[axis + 1 :]])
            result = op.Reshape(self._tiled(apart, axis + 1, rank + 1), [*shape[:axis], -1, *shape[axis + 1 :]])
        # Without the forward value's symbol, since ONNX Runtime gives values with equal symbols the same memory.
        result.shape, result.type = ir.Shape(shape_of(value)), value.type
        return result

    def _tiled(self, value: ir.Value, axis: int, rank: int) -> ir.Value:
        around = [[1] * axis, self._ratio, [1] * (rank - axis - 1)]
        return self._op.Tile(value, self._op.Concat(*(part for part in around if part), axis=0))

    def _sizes_in_front(self, steps: Sequence[Step]) -> tuple[dict[ir.Value, int], set[ir.Value]]:
        """For each merged axis, the size of what it has in front of the batch: 64 where [64, N, …] became [64 N, …].

        A Reshape keeps the number of elements in front of the batch; other operators keep the axis as it is.

        Returns:
            The sizes, and the values of which a Reshape divided what is in front of the batch.
        """
        outer: dict[ir.Value, int] = {}
        mixed: set[ir.Value] = set()
        for step in steps:
            known = [outer[x] for x in step.inputs if x is not None and x in outer]
            if step.op_type in _RESHAPES:
                size = _in_front_after(step, known[0] if known else 1)
                outer |= {step.y: size} if size else {}
                mixed |= set() if size else {step.y}
            elif known:
                outer |= {y: known[0] for y in step.outputs if self._merged_axis(y) is not None}
        return outer, mixed


# They keep the order of elements.
_RESHAPES = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}


def _in_front_after(step: Step, outer: int) -> int:
    """The size of what the batch's axis has in front of the batch after a Reshape; 0 if the Reshape divides it."""
    if step.x.shape is None or step.y.shape is None:
        return 1  # of no gradient, such as names of classes
    before, after = shape_of(step.x), shape_of(step.y)
    if not before.count(None) == after.count(None) == 1:
        return 1
    leading, kept = (math.prod(n or 0 for n in shape[: shape.index(None)]) for shape in (before, after))
    return leading * outer // kept if kept and leading * outer % kept == 0 else 0
