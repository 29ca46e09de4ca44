"""Explains images on Ray Data, on one machine or a cluster (``pip install 'onnxcam[batch]'``)."""

from __future__ import annotations

from onnxcam.errors import OnnxCamError

try:
    import pyarrow as pa  # noqa: F401
    import ray.data  # noqa: F401
except ModuleNotFoundError as error:
    raise OnnxCamError(
        f"onnxcam.batch needs Ray Data and pyarrow, and there is no {error.name}; install them with: "
        "pip install 'onnxcam[batch]'"
    ) from error

from onnxcam.batch.pipeline import explain

__all__ = ["explain"]
