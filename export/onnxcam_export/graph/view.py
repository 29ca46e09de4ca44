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
            [N, skip + places, K].
        shape: (K, *places), as the artifact gives it.
        skip: How many tokens stand before the places and are left out: class tokens, registers.
        raw: The value's own shape without the batch.
    """

    kind: ViewKind
    shape: tuple[int, ...]
    raw: tuple[int, ...]
    skip: int = 0

    def emit(self, op: Builder, value: ir.Value) -> ir.Value:
        """The value, or its gradient with any number of rows, as [N, K, *places]."""
        if self.skip:
            value = op.Slice(value, [self.skip], [self.raw[0]], [1])
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
        return op.Concat(op.Slice(value, [0], [self.skip], [1]), viewed, axis=1) if self.skip else viewed

    def of(self, array: Array) -> Array:
        """An array of the value's shape as [N, K, *places]."""
        places = array[:, self.skip :] if self.skip else array
        first = places if self.kind == "channels_first" else np.moveaxis(places, -1, 1)
        return first.reshape(len(array), *self.shape)

    @property
    def transposed(self) -> tuple[int, ...]:
        """The shape without the batch and the skipped tokens, channels first, before the places are told apart."""
        if self.kind == "channels_first":
            return self.raw
        return (self.raw[-1], *self.raw[:-1]) if not self.skip else (self.raw[-1], math.prod(self.shape[1:]))
