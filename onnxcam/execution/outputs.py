"""The outputs of a run, by the names of the artifact's contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cam import Floats
    from onnxcam.detection import BoxFinder
    from onnxcam.targets.rows import Wanted


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of one run, by the names of the contract.

    Attributes:
        scores: [N, *score shape].
        class_index: [M]; -1 in the rows of seeds.
        activations: {layer: [N, K, *places]} of the requested layers; empty at level 0.
        gradients: {layer: [M, K, *places]} of the requested layers; empty at level 0.
        input_gradient: [M, *input shape], or None below level 2.
        wanted: The target of each row, with all that the scores choose chosen, except ranks of classes.
        finders: The boxes of each image by the same scores; none if the model is no detector.
    """

    scores: Floats
    class_index: npt.NDArray[np.int64]
    activations: dict[str, Floats]
    gradients: dict[str, Floats]
    input_gradient: Floats | None
    wanted: tuple[Wanted, ...] = ()
    finders: tuple[BoxFinder, ...] = ()


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The outputs of several runs as those of one, with their rows one after the other."""
    first = parts[0]
    at_input = [part.input_gradient for part in parts if part.input_gradient is not None]
    return Outputs(
        scores=np.concatenate([part.scores for part in parts]),
        class_index=np.concatenate([part.class_index for part in parts]),
        activations={layer: np.concatenate([part.activations[layer] for part in parts]) for layer in first.activations},
        gradients={layer: np.concatenate([part.gradients[layer] for part in parts]) for layer in first.gradients},
        input_gradient=np.concatenate(at_input) if at_input else None,
        wanted=tuple(item for part in parts for item in part.wanted),
        finders=tuple(finder for part in parts for finder in part.finders),
    )
