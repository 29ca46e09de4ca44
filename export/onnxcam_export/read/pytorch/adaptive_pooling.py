"""Adaptive average pooling in ONNX: pooling where its windows are all alike, else one matrix for each axis.

PyTorch's own translations gather the windows by computed indices, which have no gradient, or there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxscript

from onnxcam_export.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def pooling(rank: int) -> Callable[[Any, Sequence[int]], Any]:
    """The translation of ``adaptive_avg_pool`` for maps of one, two or three axes."""

    def pool(self: Any, output_size: Sequence[int]) -> Any:
        sizes = list(self.shape)[-rank:]
        if not all(isinstance(size, int) for size in sizes):
            raise SourceError("adaptive pooling needs a map of known size; give a fixed input_shape")
        op, counts = onnxscript.opset18, [int(count) for count in output_size]
        if counts == [1] * rank:
            return op.GlobalAveragePool(self)
        if all(size % count == 0 for size, count in zip(sizes, counts, strict=True)):
            window = [size // count for size, count in zip(sizes, counts, strict=True)]
            return op.AveragePool(self, kernel_shape=window, strides=window)
        return _by_matrices(self, sizes, counts)

    return pool


def _by_matrices(x: Any, sizes: Sequence[int], counts: Sequence[int]) -> Any:
    """A product along each axis; each moves its axis to the end, where the next one finds its own in front."""
    op, rank = onnxscript.opset18, len(sizes)
    first = [0, 1, *range(3, rank + 2), 2]
    for size, count in zip(sizes, counts, strict=True):
        turned = op.Transpose(x, perm=first)
        matrix = op.Constant(value=onnx.numpy_helper.from_array(_averaging(size, count).T.copy()))
        x = op.MatMul(turned, matrix)
    return x


def _averaging(size: int, count: int) -> npt.NDArray[np.float32]:
    """The matrix [count, size] whose row i averages from floor(i size / count) up to ceil((i + 1) size / count)."""
    matrix = np.zeros((count, size), np.float32)
    for row in range(count):
        start, stop = row * size // count, -(-(row + 1) * size // count)
        matrix[row, start:stop] = 1 / (stop - start)
    return matrix
