"""Every error that an export can raise.

::

    onnxcam.errors.ExportError
    ├── SourceError         the source cannot be read, or is not a model
    ├── ShapeError          a shape that must be fixed at export is not
    ├── ScoreError          the class scores cannot be found, or do not depend on the image or the layer
    ├── TargetLayerError    no such layer, not spatial, or never run (also an onnxcam.LayerError)
    ├── OperatorError       operators without a rule
    └── ParityError         the artifact does not agree with its reference
"""

from onnxcam.errors import ExportError, LayerError

# The way around an operator that has no gradient; level 2 computes the gradient at the image, whatever the layer is.
LATER_LAYER = "choose a layer between it and the score, with level=1 (--level 1), since level 2 goes on to the image"


class SourceError(ExportError):
    """The source cannot be read, or is not a model that can be exported."""


class ShapeError(ExportError):
    """A shape that must be fixed at export is not."""


class ScoreError(ExportError):
    """The class scores cannot be found, or do not depend on the image or the layer."""


class TargetLayerError(ExportError, LayerError):
    """The target layer does not exist, is not spatial, or never runs."""


class OperatorError(ExportError):
    """Operators without a rule stand between the image and the score."""


class ParityError(ExportError):
    """The artifact does not agree with its reference within the tolerance."""


__all__ = [
    "ExportError",
    "OperatorError",
    "ParityError",
    "ScoreError",
    "ShapeError",
    "SourceError",
    "TargetLayerError",
]
