"""The metrics of explanations as pure functions of arrays: no model, no files.

An image is [C, H, W] in the model's units, that is, after its preprocessing. A saliency map is [H, W], of the image's
size; where a metric needs a scale, it is [0, 1]. A score is the class's probability.
"""

from onnxcam.evaluation.metrics.confidence import (
    adcc,
    average_drop,
    coherency,
    complexity,
    confidence_drop,
    increase_in_confidence,
    masked,
)
from onnxcam.evaluation.metrics.curves import area_under_curve, exchanged, removal_order, step_counts
from onnxcam.evaluation.metrics.imputation import linear_imputation, noisy_linear_imputation
from onnxcam.evaluation.metrics.pointing import energy_in_region, pointing_game
from onnxcam.evaluation.metrics.removal import kept_least_relevant, kept_most_relevant, road
from onnxcam.intervals import Interval, interval_of, mean_interval, resampled_means

__all__ = [
    "Interval",
    "adcc",
    "area_under_curve",
    "average_drop",
    "coherency",
    "complexity",
    "confidence_drop",
    "energy_in_region",
    "exchanged",
    "increase_in_confidence",
    "interval_of",
    "kept_least_relevant",
    "kept_most_relevant",
    "linear_imputation",
    "masked",
    "mean_interval",
    "noisy_linear_imputation",
    "pointing_game",
    "removal_order",
    "resampled_means",
    "road",
    "step_counts",
]
