"""Writes the answer to an inference request: JSON, followed by the tensors that are wanted as binary data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from onnxcam.serving.protocol.datatypes import datatype_of
from onnxcam.serving.protocol.json_tensors import write_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

_ENCODER = msgspec.json.Encoder()

VERSION = "1"


def write_answer(
    model: str, request_id: str, outputs: Mapping[str, npt.NDArray[Any]], binary: Mapping[str, bool]
) -> tuple[bytes, int | None]:
    """Writes an answer.

    Args:
        model: The model's name.
        request_id: The client's name for the request, empty if it gave none.
        outputs: The tensors by name, in the order of the answer.
        binary: For each of them, whether it is wanted as binary data.

    Returns:
        The body, and the length of the JSON at its start; None if it is all JSON.

    Raises:
        RequestError: An output that is wanted as JSON holds NaN or infinity.
    """
    described, tail = [], []
    for name, values in outputs.items():
        item: dict[str, Any] = {"name": name, "shape": values.shape, "datatype": datatype_of(values.dtype.name)}
        if binary[name]:
            array = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
            item["parameters"] = {"binary_data_size": array.nbytes}
            tail.append(array.tobytes())
        else:
            item["data"] = write_numbers(values, name)
        described.append(item)
    answer = {"model_name": model, "model_version": VERSION, "outputs": described}
    text = _ENCODER.encode(answer | {"id": request_id} if request_id else answer)
    return (b"".join((text, *tail)), len(text)) if tail else (text, None)
