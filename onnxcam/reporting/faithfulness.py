"""A quick measure of a map: the area under the curves of deletion and insertion, in few steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from onnxcam import cam
from onnxcam.evaluation.metrics import area_under_curve, exchanged, removal_order, step_counts
from onnxcam.evaluation.scorer import Scorer, to_channels_first
from onnxcam.evaluation.substitutes import substitute_of
from onnxcam.execution.model import LoadedModel

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from onnxcam.cam import Floats

STEPS: Final = 8


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """The areas, from 0 to 1, of the class's probability.

    Attributes:
        deletion: While the strongest places are taken away; lower is better.
        insertion: While they appear in a blurred image; higher is better.
    """

    deletion: float
    insertion: float


class Meter:
    """Measures maps with runs of the model at level 0."""

    def __init__(self, model: Path, steps: int, threads: int | None = None) -> None:
        """Opens the model.

        Args:
            model: The explainer model.
            steps: The number of steps of each curve.
            threads: As in ``Explainer``.
        """
        self._model = LoadedModel(model, ["cpu"], threads, level=0)
        self._score, self.steps = Scorer(self._model), steps

    @property
    def convention(self) -> str:
        """How it is measured, for the reader of the numbers."""
        return (
            f"Areas under the class's probability in {self.steps} steps. Deletion (lower is better): a pixel becomes 0 "
            "of the preprocessed image. Insertion (higher is better): from an 11 x 11 Gaussian blur, sigma 5. Numbers "
            "of another convention do not compare."
        )

    def measure(self, tensor: npt.NDArray[Any], values: Floats, c: int) -> Faithfulness:
        """Measures one map.

        Args:
            tensor: The model's input, [*input shape].
            values: The map, [h, w].
            c: The class.
        """
        metadata = self._model.metadata
        image = to_channels_first(tensor, metadata)
        order = removal_order(cam.upsample(values[None].astype(np.float32), metadata.image.places)[0])
        counts = step_counts(order.size, self.steps)
        areas = []
        for start, finish in (
            (image, substitute_of(image, "zero", metadata)),
            (substitute_of(image, "blurred", metadata), image),
        ):
            areas.append(area_under_curve(self._score(exchanged(start, finish, order, counts), c)))
        return Faithfulness(*areas)
