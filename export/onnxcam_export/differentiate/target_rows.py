"""Several targets of one image: the gradients have M rows where the forward pass has N = 1.

Where the batch is an axis of its own, broadcasting is enough. Where a Reshape merged it with another axis, [N, 8, …] to
[N 8, …] or [8, N, …] to [8 N, …], the forward values that a rule reads are repeated to the gradient's rows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam_export.errors import ShapeError
from onnxcam_export.graph.optimisations import Optimisation
from onnxcam_export.graph.steps import Step, shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam_export.graph.builder import Builder

# The symbol of M, the number of rows.
EXPLAINED = "explained"


class Rows:
    """Matches the forward pass's N rows to the gradient's M rows."""

    def __init__(self, op: Builder, score: ir.Value, seed: ir.Value, steps: Sequence[Step]) -> None:
        """Takes N from the score, [N, C], and M from the score's gradient, [M, C]; the steps are the forward pass."""
        self._op = op
        self._score = score
        self._seed = seed
        self._batch = None if score.shape is None or not len(score.shape) else score.shape[0]
        self._ratio: ir.Value | None = None
        self._leading: dict[ir.Value, int] = {}
        for step in steps:
            self._follow(step)

    def matched(self, step: Step) -> Step:
        """The step, with its forward values repeated if the batch is merged with another axis."""
        if all(self._merged_axis(value) is None for value in (*step.inputs, *step.outputs)):
            return step
        if step.op_type in {"Reshape", "Flatten"}:
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
        leading, shape = self._leading.get(value, 1), shape_of(value)
        before, after = list(shape[:axis]), list(shape[axis + 1 :])
        parted = value if leading == 1 else op.Reshape(value, [*before, leading, -1, *after])
        place = axis if leading == 1 else axis + 1
        around = [[1] * place, self._ratio, [1] * (rank - axis - 1)]
        repeats = op.Concat(*(part for part in around if part), axis=0)
        result = op.Tile(parted, repeats)
        if leading > 1:
            result = op.Reshape(result, [*before, -1, *after])
        # Without the forward value's symbol, since ONNX Runtime gives values with equal symbols the same memory.
        result.shape, result.type = ir.Shape(shape_of(value)), value.type
        return result

    def _follow(self, step: Step) -> None:
        """Notes what stands before the batch in the merged axes that a step writes.

        A Reshape leaves the number of elements that stand before the batch as it is.
        """
        source = next((x for x in step.inputs if x is not None and self._merged_axis(x) is not None), None)
        for y in step.outputs:
            if (
                step.op_type in {"Reshape", "Flatten"}
                and _batch_axis(step.x) is not None
                and _batch_axis(y) is not None
            ):
                self._leading[y] = self._after_reshape(step)
            elif source is not None and self._merged_axis(y) is not None:
                self._leading[y] = self._leading.get(source, 1)

    def _after_reshape(self, step: Step) -> int:
        """The number of elements before the batch inside of its axis.

        Raises:
            ShapeError: The batch is not apart from the axes before it.
        """
        before, after = (math.prod(n or 0 for n in shape_of(v)[: _batch_axis(v)]) for v in (step.x, step.y))
        leading, rest = divmod(before * self._leading.get(step.x, 1), after or 1)
        alone = self._merged_axis(step.y) is None
        if rest or (alone and leading > 1):
            raise ShapeError(
                f"{step} parts the batch from an axis in front of it, {list(step.x.shape or ())} to "
                f"{list(step.y.shape or ())}; its gradient needs the batch in front: transpose before reshaping"
            )
        return leading


def _batch_axis(value: ir.Value) -> int | None:
    """The only axis whose size is known at run time alone; None where there is none, or several."""
    unknown = [axis for axis, size in enumerate(value.shape or ()) if not isinstance(size, int)]
    return unknown[0] if len(unknown) == 1 else None
