"""What is evaluated: the methods of a model, and the baselines, each as a map of the input's size from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from onnxcam import cam
from onnxcam.evaluation.baselines import BASELINES
from onnxcam.methods import is_at_input, methods_of, required_level

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxcam.cam import Floats
    from onnxcam.explanation import Explanation
    from onnxcam.levels import Level
    from onnxcam.metadata import Metadata
    from onnxcam.methods import Method


@dataclass(frozen=True, slots=True)
class Candidate:
    """A method or a baseline.

    Attributes:
        name: In tables.
        level: Of the run that it needs; 0 needs none.
        compute: The image [C, H, W] and the explanation of one row, or None at level 0, to the map [H, W] in [0, 1].
        is_baseline: Whether it explains nothing.
    """

    name: str
    level: Level
    compute: Callable[[Floats, Explanation | None], Floats]
    is_baseline: bool = False


def candidates_of(metadata: Metadata, methods: Sequence[Method] = (), layer: str | None = None) -> list[Candidate]:
    """The methods of a model, and all baselines.

    Args:
        metadata: The model's metadata.
        methods: Only these; none stands for all that the model has.
        layer: The target layer; None is the model's first.
    """
    explaining = [
        Candidate(method, required_level(method), partial(_of_method, method=method, layer=layer))
        for method in methods or methods_of(metadata)
    ]
    return explaining + [
        Candidate(name, 0, partial(_of_baseline, baseline=baseline), is_baseline=True)
        for name, baseline in BASELINES.items()
    ]


def saliency(explanation: Explanation, method: Method, layer: str | None = None, row: int = 0) -> Floats:
    """A method's result as a map of the input's size, as it is evaluated.

    A layer's map is upsampled linearly. Of a gradient at the input, the largest magnitude over the channels is taken
    (Simonyan et al. 2013, https://arxiv.org/abs/1312.6034).

    Args:
        explanation: Of any number of rows.
        method: A method that the model has.
        layer: The target layer; None is the first that was fetched, and CAM has its own.
        row: One of the M rows.

    Returns:
        [H, W], scaled to [0, 1]; a constant map gives zeros.
    """
    image = explanation.metadata.image
    values = explanation.compute(method, None if method == "cam" else layer)[row : row + 1].astype(np.float32)
    if not is_at_input(method):
        maps = cam.upsample(values, image.places)
    else:
        maps = np.abs(values) if image.channel_axis is None else np.abs(values).max(axis=image.channel_axis)
    scaled: Floats = cam.normalise(maps)[0]
    return scaled


def _of_method(image: Floats, explanation: Explanation | None, *, method: Method, layer: str | None) -> Floats:
    del image
    assert explanation is not None  # noqa: S101  its level is above 0
    return saliency(explanation, method, layer)


def _of_baseline(image: Floats, explanation: Explanation | None, *, baseline: Callable[[Floats], Floats]) -> Floats:
    del explanation
    return baseline(image)
