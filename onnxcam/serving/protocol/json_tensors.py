"""Tensors as JSON: numbers in the order of the rows, nested by axis or in one list."""

from __future__ import annotations

import functools
from types import GenericAlias
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from onnxcam.serving.exchange.failures import INVALID, RequestError
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_AXES = 8
_ELEMENTS: dict[str, type[bool | int | float]] = {"b": bool, "i": int, "u": int, "f": float}


def read_numbers(data: msgspec.Raw, shape: Sequence[int], dtype: np.dtype[Any], name: str) -> npt.NDArray[Any]:
    """Reads the numbers of one tensor.

    Args:
        data: The JSON of a list, flat or nested.
        shape: The shape that the request states.
        dtype: The type that it states.
        name: The tensor's name, for error messages.

    Returns:
        An array of that shape and type.

    Raises:
        RequestError: The numbers are not of that type, or not as many as the shape has.
    """
    text = bytes(data).lstrip()
    nested = text[1:].lstrip()[:1] == b"["
    decoder = _decoder(dtype.kind, min(len(shape), _MOST_AXES) if nested else 1)
    try:
        numbers = decoder.decode(text)
        array = _whole(numbers, dtype) if dtype.kind in "iu" else _others(numbers, dtype)
    except msgspec.ValidationError as error:
        raise _invalid(name, shortened(str(error).replace("`", ""), 100)) from None
    except OverflowError:
        raise _invalid(name, f"a number is outside of {dtype.name}") from None
    except ValueError:
        raise _invalid(name, "the nested lists differ in length") from None
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise _invalid(name, f"a number is outside of {dtype.name}")
    if array.size != np.prod(shape, dtype=object) or (nested and array.shape != tuple(shape)):
        raise _invalid(name, f"they are {array.size} numbers, not those of the shape {list(shape)}")
    return array.reshape(tuple(shape))


def write_numbers(array: npt.NDArray[Any], name: str) -> list[Any]:
    """The numbers of a tensor in one list, for JSON.

    Raises:
        RequestError: There is NaN or infinity among them, which JSON does not have.
    """
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise RequestError(
            INVALID,
            f"output {shortened(name)} holds NaN or infinity for this input, which JSON cannot say; check the input, "
            "or ask for binary data",
        )
    numbers: list[Any] = array.ravel().tolist()
    return numbers


def _whole(numbers: list[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Whole numbers; numpy before 2 would wrap those that the type does not hold."""
    wide, limits = np.array(numbers), np.iinfo(dtype)
    if wide.size and not limits.min <= wide.min() <= wide.max() <= limits.max:
        raise OverflowError
    return wide.astype(dtype)


def _others(numbers: list[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Floats, infinite where the type does not hold them, and truth values."""
    with np.errstate(over="ignore"):
        return np.array(numbers, dtype)


@functools.cache
def _decoder(kind: str, axes: int) -> msgspec.json.Decoder[Any]:
    numbers: Any = _ELEMENTS[kind]
    for _ in range(max(1, axes)):
        numbers = GenericAlias(list, (numbers,))
    return msgspec.json.Decoder(numbers)


def _invalid(name: str, reason: str) -> RequestError:
    return RequestError(INVALID, f"the data of input {shortened(name)} are not valid: {reason}")
