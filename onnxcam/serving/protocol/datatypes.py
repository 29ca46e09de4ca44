"""The Open Inference Protocol's names of the types, and numpy's."""

from __future__ import annotations

import numpy as np

from onnxcam.serving.exchange.failures import INVALID, RequestError
from onnxcam.text import shortened

_NUMPY_NAMES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
_PROTOCOL_NAMES = {numpy_name: name for name, numpy_name in _NUMPY_NAMES.items()}
# Little endian, as the binary extension has it, whatever this machine has.
_DTYPES = {name: np.dtype(numpy_name).newbyteorder("<") for name, numpy_name in _NUMPY_NAMES.items()}


def dtype_of(datatype: str) -> np.dtype[np.generic]:
    """Numpy's type of a protocol name such as ``FP32``; in little endian.

    Raises:
        RequestError: There is no such type of numbers.
    """
    try:
        return _DTYPES[datatype]
    except KeyError:
        raise RequestError(
            INVALID, f"there is no datatype {shortened(repr(datatype))} here; it must be one of {', '.join(_DTYPES)}"
        ) from None


def datatype_of(dtype: str) -> str:
    """The protocol's name of a type that has numpy's name, such as ``float32``; ``BYTES`` of text."""
    return _PROTOCOL_NAMES.get(dtype, "BYTES")
