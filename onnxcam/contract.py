"""The names of the inputs and outputs that an explainer model adds: the artifact's contract.

The export writes these names and every runtime reads them; ``docs/guide.md`` has their types, shapes and meaning.
"""

from __future__ import annotations

from typing import Final

METADATA_KEY: Final = "onnxcam"
PREFIX: Final = "onnxcam."

LEVEL_INPUT: Final = "onnxcam.level"
TARGET_INPUT: Final = "onnxcam.target"
SEED_INPUT: Final = "onnxcam.seed"

SCORES_OUTPUT: Final = "onnxcam.scores"
CLASS_INDEX_OUTPUT: Final = "onnxcam.class_index"
ACTIVATIONS_PREFIX: Final = "onnxcam.activations/"
GRADIENTS_PREFIX: Final = "onnxcam.gradients/"
GRAD_CAM_PREFIX: Final = "onnxcam.grad_cam/"
GUIDED_OUTPUT: Final = "onnxcam.guided_gradients"
GUIDED_GRAD_CAM_PREFIX: Final = "onnxcam.guided_grad_cam/"
# The gradient at the input by any other table of rules: plain, deconvnet, or a user's own.
INPUT_GRADIENTS_OUTPUT: Final = "onnxcam.input_gradients"
