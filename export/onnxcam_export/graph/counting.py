"""Integers that count up by one, as exporters make indices of: 0, 1, 2, …."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt


def first_of(numbers: npt.NDArray[Any]) -> int | None:
    """The first of integers that count up by one, in the order of the array; None of all else."""
    if not numbers.size or numbers.dtype != np.int64:
        return None
    first = int(numbers.flat[0])
    return first if np.array_equal(numbers.ravel(), np.arange(first, first + numbers.size)) else None


def first_in(value: ir.Value, firsts: Mapping[str, int]) -> int | None:
    """The same of a value: of a constant, or of one of those that ``complete_shapes`` found."""
    tensor = ir.convenience.get_const_tensor(value)
    return firsts.get(value.name or "") if tensor is None else first_of(tensor.numpy())
