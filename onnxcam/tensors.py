"""Checks an input tensor before ONNX Runtime sees it, so that the error is a readable sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxcam.errors import TensorError
from onnxcam.text import shortened

if TYPE_CHECKING:
    from onnxcam.metadata import ImageInput


def as_array(tensor: Any) -> Any:
    """A tensor of another library as a numpy array, without a copy where that library can do so; all else as it is.

    Raises:
        TensorError: The library refuses, as PyTorch does for tensors on a GPU or with a gradient.
    """
    if isinstance(tensor, np.ndarray) or not hasattr(tensor, "__array__"):
        return tensor
    try:
        return np.asarray(tensor)
    except (RuntimeError, TypeError, ValueError) as error:
        raise TensorError(f"the {type(tensor).__name__} is no numpy array ({shortened(str(error))})") from error


def check_tensor(tensor: Any, image: ImageInput) -> npt.NDArray[Any]:
    """Checks a tensor's type, shape and values against the model's input.

    Args:
        tensor: Should be [N, *image.shape], of the type ``image.dtype``, and finite.
        image: The model's image input.

    Returns:
        The tensor itself.

    Raises:
        TensorError: It has another type, rank, shape or batch size, or holds NaN or infinity.
    """
    if not isinstance(tensor, np.ndarray):
        raise TensorError(f"the input must be a numpy array, not {type(tensor).__name__}")
    if tensor.dtype.name != image.dtype:
        raise TensorError(f"the input must be {image.dtype}, not {tensor.dtype.name}; convert it with astype")
    _check_shape(tensor.shape, image)
    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
        raise TensorError("the input holds NaN or infinity")
    return tensor


def _check_shape(shape: tuple[int, ...], image: ImageInput) -> None:
    expected = ", ".join(str(size) for size in ("N" if image.batch is None else image.batch, *image.shape))
    if len(shape) == len(image.shape):
        raise TensorError(f"the input must be [{expected}]; add the batch axis to {list(shape)}")
    if shape[1:] != image.shape:
        raise TensorError(f"the input must be [{expected}] ({image.layout}), not {list(shape)}")
    if shape[0] == 0:
        raise TensorError("the batch is empty")
    if image.batch is not None and shape[0] != image.batch:
        raise TensorError(f"the model was exported for batches of exactly {image.batch}, not {shape[0]}")
