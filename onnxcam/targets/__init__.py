"""What to explain: a class, or any other scalar that is computed from the scores.

A target is a class index, a label, a rank (-1 is the top-scoring class), or one of the classes here. Each states a
scalar y and gives v = dy/dscores, the row of cotangents that the artifact differentiates.
"""

from onnxcam.targets.of_classes import Class, Contrast, Negative, Probability
from onnxcam.targets.of_detections import Detection
from onnxcam.targets.of_scores import Element, Linear, Region, Similarity
from onnxcam.targets.rows import Target, Targets
from onnxcam.targets.scalar import Scalar

__all__ = [
    "Class",
    "Contrast",
    "Detection",
    "Element",
    "Linear",
    "Negative",
    "Probability",
    "Region",
    "Scalar",
    "Similarity",
    "Target",
    "Targets",
]
