"""Exports explainer models: differentiates the graph of a CNN and adds the gradients to it.

::

    from onnxcam_export import export

    report = export(model, "model.onnx", input_shape=(1, 3, 224, 224))
    print(report)
"""

from onnxcam.metadata import Preprocessing
from onnxcam_export.differentiate.rule import PLAIN, Rule, rule
from onnxcam_export.differentiate.tables import deconvnet, guided
from onnxcam_export.errors import (
    ExportError,
    OperatorError,
    ParityError,
    ScoreError,
    ShapeError,
    SourceError,
    TargetLayerError,
)
from onnxcam_export.pipeline import candidates, export
from onnxcam_export.report import ExportReport

__all__ = [
    "PLAIN",
    "ExportError",
    "ExportReport",
    "OperatorError",
    "ParityError",
    "Preprocessing",
    "Rule",
    "ScoreError",
    "ShapeError",
    "SourceError",
    "TargetLayerError",
    "candidates",
    "deconvnet",
    "export",
    "guided",
    "rule",
]


def __dir__() -> list[str]:
    return list(__all__)
