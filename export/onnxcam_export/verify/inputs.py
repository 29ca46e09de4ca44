"""What models are run on to be checked: noise for the image, ones for everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container

    import onnxruntime as ort

    from onnxcam_export.graph.session import Session
    from onnxcam_export.verify.comparison import Array


def noise(generator: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Standard normal values, like normalised pixels; for integer types, values of pixels."""
    if np.issubdtype(dtype, np.integer):
        return generator.integers(0, 256 if dtype == "uint8" else 128, shape).astype(dtype)
    return generator.standard_normal(shape).astype(dtype)


def ones(session: ort.InferenceSession | Session, given: Container[str], batch: int) -> dict[str, Array]:
    """Values for the inputs that are not given: ones, safe whether the input is a scale or a size."""
    return {
        item.name: np.ones(
            [dim if isinstance(dim, int) else (1 if axis else batch) for axis, dim in enumerate(item.shape)],
            _NUMPY_TYPES.get(item.type, np.float32),
        )
        for item in session.get_inputs()
        if item.name not in given
    }


_NUMPY_TYPES = {
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(uint8)": np.uint8,
}
