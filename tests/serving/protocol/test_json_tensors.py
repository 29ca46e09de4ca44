import msgspec
import numpy as np
import pytest

from onnxcam.serving.exchange.failures import RequestError
from onnxcam.serving.protocol.json_tensors import read_numbers, write_numbers

FLOAT, INT, BOOL = np.dtype("float32"), np.dtype("int64"), np.dtype("bool")


def read(text: str, shape: list[int], dtype: np.dtype = FLOAT) -> np.ndarray:
    return read_numbers(msgspec.Raw(text.encode()), shape, dtype, "x")


@pytest.mark.parametrize("text", ["[1, 2.5, 3, 4]", " [ [1, 2.5], [3, 4]]"])
def test_numbers_may_be_flat_or_nested(text):
    np.testing.assert_array_equal(read(text, [2, 2]), np.array([[1, 2.5], [3, 4]], np.float32))


def test_types():
    assert read("[true, false]", [2], BOOL).tolist() == [True, False]
    assert read("[-1]", [1], INT).dtype == np.int64
    assert read("[7]", [], INT).shape == ()
    assert read("[]", [0, 3]).shape == (0, 3)


@pytest.mark.parametrize(
    ("text", "shape", "dtype", "reason"),
    [
        ("[1, 2, 3]", [2, 2], FLOAT, r"they are 3 numbers, not those of the shape \[2, 2\]"),
        ("[[1, 2], [3]]", [2, 2], FLOAT, "the nested lists differ in length"),
        ("[[1, 2, 3, 4]]", [2, 2], FLOAT, "they are 4 numbers, not those of the shape"),
        ('["1"]', [1], FLOAT, "Expected float, got str"),
        ("[true]", [1], FLOAT, "Expected float, got bool"),
        ("[null]", [1], FLOAT, "Expected float, got null"),
        ("[1.5]", [1], INT, "Expected int, got float"),
        ("[1e39]", [1], FLOAT, "a number is outside of float32"),
        ("[9223372036854775808]", [1], INT, "a number is outside of int64"),
        ("[300]", [1], np.dtype("uint8"), "a number is outside of uint8"),
        ("{}", [1], FLOAT, "Expected array, got object"),
        ("[1]", [2**31, 2**31, 2**31], FLOAT, "they are 1 numbers"),
        ("[[[1]]]", [1, 1], FLOAT, "Expected float, got array"),
    ],
)
def test_what_is_refused(text, shape, dtype, reason):
    with pytest.raises(RequestError, match=f"the data of input x are not valid: .*{reason}") as caught:
        read(text, shape, dtype)
    assert caught.value.status == 400


def test_numbers_are_written_in_one_list():
    assert write_numbers(np.array([[1, 2], [3, 4]]), "y") == [1, 2, 3, 4]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_json_cannot_say(value):
    with pytest.raises(RequestError, match="output y holds NaN or infinity for this input, which JSON cannot say"):
        write_numbers(np.array([1, value]), "y")
