"""How a value becomes [N, K, *places]: channels first, channels last, or tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx_ir as ir

    from onnxcam.metadata_parts import ViewKind
    from onnxcam_export.graph.builder import Builder

    Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class View:
    """A layer's view.

    Attributes:
        kind: ``channels_first`` of [N, K, *places], ``channels_last`` of [N, *places, K], or ``tokens`` of
            [N, skip + places + others, K].
        shape: (K, *places), as the artifact gives it.
        raw: The value's own shape without the batch.
        skip: How many tokens stand before the places and are left out: class tokens, registers.
        batch_axis: The axis of the batch: 0, or 1 of tokens as [tokens, N, K].
    """

    kind: ViewKind
    shape: tuple[int, ...]
    raw: tuple[int, ...]
    skip: int = 0
    batch_axis: int = 0

    def emit(self, op: Builder, value: ir.Value) -> ir.Value:
        """The value, or its gradient with any number of rows, as [N, K, *places]."""
        value = self._with_batch_first(op, value)
        if self.has_other_tokens:
            value = op.Slice(value, [self.skip], [self._end], [1])
        if self.kind != "channels_first":
            rank = len(self.raw) + 1
            value = op.Transpose(value, perm=[0, rank - 1, *range(1, rank - 1)])
        return value if self.transposed == self.shape else op.Reshape(value, [-1, *self.shape])

    def emit_back(self, op: Builder, viewed: ir.Value, value: ir.Value) -> ir.Value:
        """The value with the places of ``viewed``, [N, K, *places], in place of its own."""
        if self.transposed != self.shape:
            viewed = op.Reshape(viewed, [-1, *self.transposed])
        if self.kind != "channels_first":
            rank = len(self.raw) + 1
            viewed = op.Transpose(viewed, perm=[0, *range(2, rank), 1])
        if self.has_other_tokens:
            value = self._with_batch_first(op, value)
            bounds = [(0, self.skip), (self._end, self.raw[0])]
            before, after = ([op.Slice(value, [a], [b], [1])] if a < b else [] for a, b in bounds)
            viewed = op.Concat(*before, viewed, *after, axis=1)
        return self._with_batch_first(op, viewed)

    def of(self, array: Array) -> Array:
        """An array of the value's shape as [N, K, *places]."""
        array = np.moveaxis(array, self.batch_axis, 0)
        places = array[:, self.skip : self._end] if self.has_other_tokens else array
        first = places if self.kind == "channels_first" else np.moveaxis(places, -1, 1)
        return first.reshape(len(array), *self.shape)

    @property
    def transposed(self) -> tuple[int, ...]:
        """The shape without the batch and other tokens, channels first, before the places are told apart."""
        if self.kind == "channels_first":
            return self.raw
        return (self.raw[-1], *self.raw[:-1]) if not self.has_other_tokens else (self.raw[-1], self._end - self.skip)

    @property
    def has_other_tokens(self) -> bool:
        """Whether tokens stand before or after the places."""
        return self.kind == "tokens" and self._end - self.skip < self.raw[0]

    @property
    def _end(self) -> int:
        """The token after the last place."""
        return self.skip + math.prod(self.shape[1:])

    def _with_batch_first(self, op: Builder, value: ir.Value) -> ir.Value:
        """The value with its first two axes changed if the batch is the second; so are those of the result."""
        return op.Transpose(value, perm=[1, 0, 2]) if self.batch_axis else value
