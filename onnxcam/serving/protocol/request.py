"""Reads an inference request of the Open Inference Protocol, with tensors as JSON or in the binary extension.

https://github.com/kserve/open-inference-protocol, ``specification/protocol/inference_rest.md``, and the extension
``binary_tensor_data`` of NVIDIA Triton: the header ``Inference-Header-Content-Length`` gives the length of the JSON,
and the bytes of the tensors follow in their order, little endian.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from onnxcam.serving.exchange.failures import INVALID, RequestError
from onnxcam.serving.protocol.datatypes import dtype_of
from onnxcam.serving.protocol.json_tensors import read_numbers
from onnxcam.text import shortened

Parameters = dict[str, Any]
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


_NO_DATA = msgspec.Raw()


class _Input(msgspec.Struct):
    name: str
    shape: Annotated[list[_Size], msgspec.Meta(max_length=8)]
    datatype: str
    parameters: Parameters = {}
    data: msgspec.Raw = _NO_DATA


class _Output(msgspec.Struct):
    name: str
    parameters: Parameters = {}


class _Request(msgspec.Struct):
    inputs: list[_Input]
    id: str = ""
    parameters: Parameters = {}
    outputs: list[_Output] | None = None


_DECODER = msgspec.json.Decoder(_Request)


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """A request, as far as it can be checked without a model.

    Attributes:
        id: The client's name for it, empty if it gave none.
        inputs: The tensors by name.
        outputs: For each wanted output, whether it is wanted as binary data; None is all outputs.
        binary: Whether outputs are wanted as binary data where nothing is said of them.
    """

    id: str
    inputs: dict[str, npt.NDArray[Any]]
    outputs: dict[str, bool] | None
    binary: bool


def read_request(body: memoryview, length: int | None) -> InferenceRequest:
    """Reads a request.

    Args:
        body: The body.
        length: The length of the JSON at its start; None if it is all JSON.

    Raises:
        RequestError: It is not such a request, or its tensors do not have the stated shapes and types.
    """
    if length is not None and not 0 <= length <= len(body):
        raise RequestError(INVALID, f"the header says {length} bytes of JSON, and the body has {len(body)}")
    request = _decoded(body if length is None else body[:length])
    tail = memoryview(b"") if length is None else body[length:]
    inputs: dict[str, npt.NDArray[Any]] = {}
    for item in request.inputs:
        if item.name in inputs:
            raise RequestError(INVALID, f"input {shortened(item.name)} is given twice")
        inputs[item.name], tail = _tensor(item, tail)
    if len(tail):
        raise RequestError(INVALID, f"{len(tail)} bytes of the body belong to no input; give binary_data_size")
    binary = _flag(request.parameters, "binary_data_output", default=False)
    outputs = request.outputs or None
    return InferenceRequest(
        id=request.id,
        inputs=inputs,
        outputs=outputs and {item.name: _flag(item.parameters, "binary_data", default=binary) for item in outputs},
        binary=binary,
    )


def _decoded(text: memoryview) -> _Request:
    try:
        return _DECODER.decode(text)
    except RecursionError:
        reason = "it is nested too deeply"
    except (msgspec.MsgspecError, UnicodeError) as error:
        reason = str(error).replace("`", "")
    raise RequestError(INVALID, f"the request is not valid JSON of the protocol: {shortened(reason)}")


def _tensor(item: _Input, tail: memoryview) -> tuple[npt.NDArray[Any], memoryview]:
    """The tensor of an input, and the bytes that follow its own."""
    dtype, size = dtype_of(item.datatype), item.parameters.get("binary_data_size")
    if (size is None) == (not item.data):
        raise RequestError(INVALID, f"input {shortened(item.name)} needs data, or else the parameter binary_data_size")
    if item.data:
        return read_numbers(item.data, item.shape, dtype, item.name), tail
    count = math.prod(item.shape)
    if isinstance(size, bool) or size != count * dtype.itemsize:
        raise RequestError(
            INVALID,
            f"binary_data_size of input {shortened(item.name)} is {shortened(repr(size), 40)}, where {item.datatype} "
            f"{item.shape} has {count * dtype.itemsize} bytes",
        )
    if size > len(tail):
        raise RequestError(INVALID, f"the body ends before the {size} bytes of input {shortened(item.name)}")
    array: npt.NDArray[Any] = np.frombuffer(tail[:size], dtype).reshape(item.shape)
    return array if array.flags.aligned else array.copy(), tail[size:]


def _flag(parameters: Parameters, name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise RequestError(INVALID, f"the parameter {name} is true or false, not {shortened(repr(value), 40)}")
    return value
