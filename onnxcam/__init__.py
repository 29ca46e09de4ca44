"""Visual explanations compiled into ONNX models: CAM, Grad-CAM, Guided Backpropagation and Guided Grad-CAM.

::

    explainer = onnxcam.Explainer()  # or Explainer("model.onnx")
    explanation = explainer.explain("dog.jpg")
    explanation.save("dog.png")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from onnxcam.errors import (
    ExportError,
    LayerError,
    MethodError,
    ModelError,
    OnnxCamError,
    OutputError,
    PictureError,
    ProviderError,
    RunTimeoutError,
    TargetError,
    TensorError,
    VerificationError,
)
from onnxcam.version import __version__

if TYPE_CHECKING:
    from onnxcam import cam
    from onnxcam.artifact.adapt import adapt
    from onnxcam.execution.bundled import default_model
    from onnxcam.explainer import Explainer
    from onnxcam.explanation import ClassScore, Explanation
    from onnxcam.metadata import Metadata

__all__ = [
    "ClassScore",
    "Explainer",
    "Explanation",
    "ExportError",
    "LayerError",
    "Metadata",
    "MethodError",
    "ModelError",
    "OnnxCamError",
    "OutputError",
    "PictureError",
    "ProviderError",
    "RunTimeoutError",
    "TargetError",
    "TensorError",
    "VerificationError",
    "__version__",
    "adapt",
    "cam",
    "default_model",
]

# These import numpy, Pillow and ONNX Runtime, so they are imported on first use (PEP 562).
_LAZY = {
    "ClassScore": "onnxcam.explanation",
    "Explainer": "onnxcam.explainer",
    "Explanation": "onnxcam.explanation",
    "Metadata": "onnxcam.metadata",
    "adapt": "onnxcam.artifact.adapt",
    "default_model": "onnxcam.execution.bundled",
}


def __getattr__(name: str) -> Any:
    if name == "cam":
        return importlib.import_module("onnxcam.cam")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'onnxcam' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
