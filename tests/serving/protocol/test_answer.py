import json

import numpy as np
import pytest

from onnxcam.serving.exchange.failures import RequestError
from onnxcam.serving.protocol.answer import write_answer

OUTPUTS = {"a": np.array([[1.5, 2]], np.float32), "b": np.zeros((0, 3), np.int64), "c": np.array([True])}


def test_json():
    body, length = write_answer("m", "7", OUTPUTS, dict.fromkeys(OUTPUTS, False))
    assert length is None
    assert json.loads(body) == {
        "model_name": "m",
        "model_version": "1",
        "id": "7",
        "outputs": [
            {"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [1.5, 2.0]},
            {"name": "b", "shape": [0, 3], "datatype": "INT64", "data": []},
            {"name": "c", "shape": [1], "datatype": "BOOL", "data": [True]},
        ],
    }


def test_binary_tensors_follow_the_json():
    body, length = write_answer("m", "", OUTPUTS, {"a": True, "b": True, "c": False})
    answer = json.loads(body[:length])
    assert "id" not in answer
    assert [output.get("parameters") for output in answer["outputs"]] == [
        {"binary_data_size": 8},
        {"binary_data_size": 0},
        None,
    ]
    assert body[length:] == np.array([1.5, 2], "<f4").tobytes()


def test_binary_tensors_are_little_endian_and_in_the_order_of_rows():
    values = np.arange(6, dtype=">i4").reshape(2, 3).T
    body, length = write_answer("m", "", {"a": values}, {"a": True})
    assert body[length:] == np.array([0, 3, 1, 4, 2, 5], "<i4").tobytes()


def test_nan_is_binary_data_alone():
    outputs = {"a": np.array([np.nan], np.float32)}
    body, length = write_answer("m", "", outputs, {"a": True})
    assert np.isnan(np.frombuffer(body[length:], np.float32)).all()
    with pytest.raises(RequestError, match="output a holds NaN"):
        write_answer("m", "", outputs, {"a": False})
