"""Every error that a user of onnxcam can cause.

::

    OnnxCamError
    ├── ModelError          the model file: missing, corrupt, not an explainer model, from a newer schema
    ├── PictureError        the image: missing, empty, truncated, too large, not an image
    ├── TensorError         the input tensor: rank, shape, type, NaN
    ├── TargetError         the class, rank or number of targets asked for
    ├── LayerError          the layer asked for
    ├── MethodError         an explanation that this model or this level cannot give
    ├── ProviderError       an execution provider that is unknown or cannot be loaded
    ├── RunTimeoutError     a run that took longer than its timeout
    ├── OutputError         a path that cannot be written
    ├── EvaluationError     the boxes, masks or earlier results of an evaluation
    ├── VerificationError   a model whose outputs differ from those that were verified
    └── ExportError         the export side; its own tree is in ``onnxcam_export.errors``

Each message is one sentence that says what is wrong, where, and what to do about it.
"""

from __future__ import annotations

from onnxcam.text import printable


class OnnxCamError(Exception):
    """The base of all errors that a user can cause."""

    def __str__(self) -> str:
        """The message on one line; names of files and values in it may hold what a terminal or a log acts on."""
        return printable(super().__str__())


class ModelError(OnnxCamError):
    """The model file is missing, corrupt, not an explainer model, or from a newer schema."""


class PictureError(OnnxCamError):
    """The image is missing, empty, truncated, too large, or not an image."""


class TensorError(OnnxCamError):
    """The input tensor has the wrong rank, shape or type, or is not finite."""


class TargetError(OnnxCamError):
    """The class, the rank, or the number of targets does not fit the model or the batch."""


class LayerError(OnnxCamError):
    """The model has no such target layer."""


class MethodError(OnnxCamError):
    """The model, or the level it was run at, cannot give this explanation."""


class ProviderError(OnnxCamError):
    """The execution provider is unknown or cannot be loaded."""


class RunTimeoutError(OnnxCamError, TimeoutError):
    """The run took longer than its timeout, or the timeout is not a number."""


class OutputError(OnnxCamError):
    """The output path cannot be written."""


class EvaluationError(OnnxCamError):
    """The boxes, masks or earlier results of an evaluation cannot be used."""


class VerificationError(OnnxCamError):
    """The model's outputs differ from those that were verified at export."""


class ExportError(OnnxCamError):
    """The model cannot be exported."""
