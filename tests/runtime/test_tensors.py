import numpy as np
import pytest

from onnxcam.errors import TensorError
from onnxcam.metadata import ImageInput
from onnxcam.tensors import as_array, check_tensor

IMAGE = ImageInput("x", "NCHW", 3, 8, 6)


def test_a_good_tensor_comes_back():
    tensor = np.zeros((2, 3, 8, 6), np.float32)
    assert check_tensor(tensor, IMAGE) is tensor


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        ([[1.0]], "must be a numpy array, not list"),
        (np.zeros((1, 3, 8, 6)), "must be float32, not float64"),
        (np.zeros((1, 3, 8, 6), np.uint8), "must be float32, not uint8"),
        (np.zeros((3, 8, 6), np.float32), "add the batch axis to [3, 8, 6]"),
        (np.zeros((8,), np.float32), "must be [N, 3, 8, 6] (NCHW), not [8]"),
        (np.zeros((), np.float32), "not []"),
        (np.zeros((1, 8, 6, 3), np.float32), "must be [N, 3, 8, 6] (NCHW), not [1, 8, 6, 3]"),
        (np.zeros((0, 3, 8, 6), np.float32), "the batch is empty"),
        (np.full((1, 3, 8, 6), np.nan, np.float32), "NaN or infinity"),
        (np.full((1, 3, 8, 6), np.inf, np.float32), "NaN or infinity"),
    ],
)
def test_a_bad_tensor_is_refused_in_words(tensor, words):
    with pytest.raises(TensorError) as caught:
        check_tensor(tensor, IMAGE)
    assert words in str(caught.value)


def test_a_fixed_batch_is_held_to():
    fixed = ImageInput("x", "NCHW", 3, 8, 6, batch=2)
    assert len(check_tensor(np.zeros((2, 3, 8, 6), np.float32), fixed)) == 2
    with pytest.raises(TensorError, match="batches of exactly 2, not 1"):
        check_tensor(np.zeros((1, 3, 8, 6), np.float32), fixed)


def test_bytes_need_no_check_for_nan():
    assert check_tensor(np.zeros((1, 3, 8, 6), np.uint8), ImageInput("x", "NCHW", 3, 8, 6, dtype="uint8")).size


class Other:
    """A tensor of another library."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        if self.values is None:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.values


def test_another_librarys_tensor_is_not_copied():
    values = np.zeros((1, 3, 8, 6), np.float32)
    assert np.shares_memory(as_array(Other(values)), values)
    assert as_array([1.0]) == [1.0]
    with pytest.raises(TensorError, match=r"the Other is no numpy array .*requires grad"):
        as_array(Other(None))
