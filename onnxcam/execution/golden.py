"""The golden check: a fixed input, and samples of the outputs that the model must give for it.

The export runs the verified model once and stores the samples in the metadata. ``onnxcam verify`` runs it again on any
machine and provider, without PyTorch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from onnxcam.cam import grad_cam
from onnxcam.errors import ModelError
from onnxcam.execution.model import Request
from onnxcam.metadata import GOLDEN_SAMPLES
from onnxcam.targets.of_scores import Element
from onnxcam.targets.rows import resolve

if TYPE_CHECKING:
    from onnxcam.execution.model import LoadedModel


@dataclass(frozen=True, slots=True)
class Comparison:
    """One output of the golden check.

    Attributes:
        name: ``scores``, ``grad_cam`` or ``guided_backprop``.
        error: The relative L2 error against the export's samples.
        tolerance: The largest error that the export allows.
    """

    name: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; NaN is not."""
        return self.error <= self.tolerance


def golden_input(shape: tuple[int, ...], dtype: str = "float32") -> npt.NDArray[np.generic]:
    """Noise that is the same on every machine: SplitMix64 of the element's index (Steele et al. 2014).

    Args:
        shape: The shape, with the batch.
        dtype: ``uint8`` gives values in [0, 256); other types give [-2, 2), the range of normalised pixels.

    Returns:
        An array of that shape and type.
    """
    count = int(np.prod(shape))
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    unit = ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float64) / 2**24
    values = unit * 256 if dtype == "uint8" else unit * 4 - 2
    return values.reshape(shape).astype(dtype)


def sample(array: npt.NDArray[np.floating]) -> tuple[float, ...]:
    """At most ``GOLDEN_SAMPLES`` evenly spaced elements of the flattened array."""
    flat = array.ravel()
    index = np.linspace(0, flat.size - 1, min(GOLDEN_SAMPLES, flat.size)).astype(int)
    return tuple(float(value) for value in flat[index])


def check(model: LoadedModel) -> tuple[Comparison, ...]:
    """Runs the golden check: compares the outputs on this machine and provider with those at export.

    Args:
        model: A model whose metadata has golden samples.

    Returns:
        One comparison for each kind of output.

    Raises:
        ModelError: The metadata has no golden samples.
    """
    golden = model.metadata.golden
    if golden is None:
        if model.metadata.level is not None:
            raise ModelError("a model at a fixed level carries no golden answers; verify the one it was adapted from")
        raise ModelError("the model carries no golden answers to check against; export it again with verification")
    measured = answers(model, golden.target, golden.layer)
    return tuple(
        Comparison(name, relative_error(values, getattr(golden, name)), golden.tolerances[name])
        for name, values in measured.items()
    )


def answers(model: LoadedModel, target: int, layer: str) -> dict[str, tuple[float, ...]]:
    """Samples of the model's outputs for the golden input.

    Args:
        model: The model.
        target: The class to explain; of scores that are not [N, C], the index of an entry in the flattened scores.
        layer: The layer of the Grad-CAM map, which is computed without its ReLU.

    Returns:
        Samples of ``scores``, ``grad_cam`` and, if the model has it, ``guided_backprop``, which is the gradient at the
        input, guided or not.
    """
    metadata, image = model.metadata, model.metadata.image
    noise = golden_input((image.batch or 1, *image.shape), image.dtype)
    place = [int(index) for index in np.unravel_index(target, metadata.shape_of_scores)]
    wanted = target if metadata.classes is not None else Element(*place)
    (rows,) = resolve(wanted, len(noise), metadata)
    outputs = model.explain({image.name: noise}, rows, Request(layers=[layer], level=metadata.highest_level))
    measured = {
        "scores": outputs.scores,
        "grad_cam": grad_cam(outputs.activations[layer], outputs.gradients[layer], relu=False),
        "guided_backprop": outputs.input_gradient,
    }
    return {name: sample(values) for name, values in measured.items() if values is not None}


def relative_error(values: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """The relative L2 error, ||values - reference|| / ||reference||, of the golden check and of the export.

    Returns:
        The error, never NaN. It is infinite if the shapes differ or an element is not finite, so that it exceeds every
        tolerance. If the reference is zero, it is 0 for zeros and infinite for anything else.
    """
    a, b = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.inf
    difference, norm = float(np.linalg.norm(a - b)), float(np.linalg.norm(b))
    if norm == 0:
        return 0.0 if difference == 0 else math.inf
    return difference / norm
