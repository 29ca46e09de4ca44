"""The path of the default model."""

from __future__ import annotations

from pathlib import Path

from onnxcam.errors import ModelError

NAME = "efficientnet_lite0.onnx"


def default_model() -> Path:
    """The default model: EfficientNet-Lite0, trained on ImageNet.

    Raises:
        ModelError: The file is missing, as in an incomplete installation.
    """
    package = Path(__file__).parents[1]
    # The wheel has it inside the package; a checkout has it in the repository's models folder.
    for folder in (package / "models", package.parent / "models"):
        if (folder / NAME).is_file():
            return folder / NAME
    raise ModelError(f"this installation lacks the default model {NAME}; name a model, or install onnxcam again")
