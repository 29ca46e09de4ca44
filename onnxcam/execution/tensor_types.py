"""The inputs and outputs of a graph: names, types and shapes, as ONNX Runtime states them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# The types that ONNX and numpy call by different names.
_NUMPY_NAMES = {"float": "float32", "double": "float64", "string": "object"}


@dataclass(frozen=True, slots=True)
class TensorType:
    """One input or output of a graph.

    Attributes:
        name: Its name.
        dtype: numpy's name of its type.
        shape: Its sizes; None where any size fits.
        optional: Whether it is an input with a default.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    optional: bool = False


def inputs_of(session: InferenceSession) -> tuple[TensorType, ...]:
    """The inputs of a session's graph, those with a default last."""
    required = [_read(value) for value in session.get_inputs()]
    return (*required, *(_read(value, optional=True) for value in session.get_overridable_initializers()))


def outputs_of(session: InferenceSession) -> tuple[TensorType, ...]:
    """The outputs of a session's graph."""
    return tuple(_read(value) for value in session.get_outputs())


def _read(value: Any, *, optional: bool = False) -> TensorType:
    element = value.type.removeprefix("tensor(").removesuffix(")")
    # Of a fixed level, the outputs of other levels have no rows, where those of the file have any number.
    shape = tuple(size if isinstance(size, int) and size else None for size in value.shape)
    return TensorType(value.name, _NUMPY_NAMES.get(element, element), shape, optional)
