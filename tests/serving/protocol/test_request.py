import json
from typing import Any

import numpy as np
import pytest

from onnxcam.serving.exchange.failures import RequestError
from onnxcam.serving.protocol.request import read_request

IMAGE = np.arange(6, dtype=np.float32).reshape(1, 6)


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "image", "shape": [1, 6], "datatype": "FP32"} | changes


def binary(size: Any = 24, **changes: Any) -> dict[str, Any]:
    return tensor(parameters={"binary_data_size": size}, **changes)


def read(request: Any, tail: bytes | None = None) -> Any:
    text = request if isinstance(request, bytes) else json.dumps(request).encode()
    return read_request(memoryview(text + (tail or b"")), None if tail is None else len(text))


def test_json():
    request = read({"id": "7", "inputs": [tensor(data=IMAGE.tolist())], "outputs": [{"name": "y"}]})
    assert (request.id, request.outputs, request.binary) == ("7", {"y": False}, False)
    np.testing.assert_array_equal(request.inputs["image"], IMAGE)


def test_binary_tensors_follow_in_the_order_of_the_inputs():
    level = {"name": "level", "shape": [2], "datatype": "INT64", "parameters": {"binary_data_size": 16}}
    between = {"name": "between", "shape": [1], "datatype": "BOOL", "data": [True]}
    tail = IMAGE.tobytes() + np.array([5, -1]).tobytes()
    request = read({"inputs": [binary(), between, level]}, tail)
    np.testing.assert_array_equal(request.inputs["image"], IMAGE)
    assert request.inputs["level"].tolist() == [5, -1]
    assert request.inputs["between"].tolist() == [True]


@pytest.mark.parametrize("length", range(4))
def test_tensors_are_aligned_wherever_the_json_ends(length):
    request = read({"inputs": [binary()], "id": "x" * length}, IMAGE.tobytes())
    assert request.inputs["image"].flags.aligned
    np.testing.assert_array_equal(request.inputs["image"], IMAGE)


def test_which_outputs_are_wanted_as_binary_data():
    outputs = [{"name": "a"}, {"name": "b", "parameters": {"binary_data": False}}]
    inputs, wanted = [tensor(data=[0] * 6)], {"binary_data_output": True}
    request = read({"inputs": inputs, "outputs": outputs, "parameters": wanted})
    assert (request.outputs, request.binary) == ({"a": True, "b": False}, True)
    assert read({"inputs": inputs, "outputs": []}).outputs is None


@pytest.mark.parametrize(
    ("request_", "tail", "reason"),
    [
        (b"{", None, "not valid JSON of the protocol: Input data was truncated"),
        (b"\xff", None, "not valid JSON of the protocol"),
        (b"[" * 100_000, None, "not valid JSON of the protocol"),
        (b'{"inputs": [{"name": "a", "shape": [1], "datatype": "FP32", "data": ' + b"[" * 100_000, None, "not valid"),
        ({}, None, "Object missing required field inputs"),
        ({"inputs": 3}, None, r"Expected array, got int - at \$.inputs"),
        ({"inputs": [{"name": "image"}]}, None, "Object missing required field shape"),
        ({"inputs": [tensor()]}, None, "input image needs data, or else the parameter binary_data_size"),
        ({"inputs": [binary(data=[1])]}, b"", "input image needs data, or else the parameter binary_data_size"),
        (
            {"inputs": [tensor(data=[1], datatype="BYTES")]},
            None,
            "there is no datatype 'BYTES' here; it must be one of",
        ),
        ({"inputs": [tensor(data=[1], shape=[-1])]}, None, "Expected int >= 0"),
        ({"inputs": [tensor(data=[1], shape=[1] * 9)]}, None, "Expected array of length <= 8"),
        ({"inputs": [tensor(data=[0] * 6)] * 2}, None, "input image is given twice"),
        (
            {"inputs": [binary(23)]},
            b"x" * 23,
            r"binary_data_size of input image is 23, where FP32 \[1, 6\] has 24 bytes",
        ),
        ({"inputs": [binary("24")]}, b"x" * 24, "binary_data_size of input image is '24', where"),
        ({"inputs": [binary(True, shape=[1], datatype="BOOL")]}, b"x", "binary_data_size of input image is True"),
        ({"inputs": [binary()]}, b"x" * 23, "the body ends before the 24 bytes of input image"),
        ({"inputs": [binary()]}, b"x" * 25, "1 bytes of the body belong to no input; give binary_data_size"),
        ({"inputs": [binary(2**95, shape=[2**31] * 3)]}, b"x", "the body ends before the"),
        ({"inputs": [], "parameters": {"binary_data_output": 1}}, None, "binary_data_output is true or false, not 1"),
    ],
)
def test_what_is_refused(request_, tail, reason):
    with pytest.raises(RequestError, match=reason) as caught:
        read(request_, tail)
    assert caught.value.status == 400
    assert "\n" not in str(caught.value)


def test_a_length_beyond_the_body():
    with pytest.raises(RequestError, match="the header says 3 bytes of JSON, and the body has 2"):
        read_request(memoryview(b"{}"), 3)
