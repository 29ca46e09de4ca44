"""An explainer model that is loaded: one way to run it, below pictures, labels and explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxcam.contract import (
    ACTIVATIONS_PREFIX,
    CLASS_INDEX_OUTPUT,
    GRADIENTS_PREFIX,
    LEVEL_INPUT,
    SCORES_OUTPUT,
    TARGET_INPUT,
)
from onnxcam.errors import ModelError
from onnxcam.execution.session import ModelSource, first_line, open_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam.cam import Floats
    from onnxcam.metadata import Metadata

# The level from which on there is a gradient at the input.
_AT_INPUT = 2


@dataclass(frozen=True, slots=True)
class Outputs:
    """What one run of the model gave, under the names of the contract.

    Attributes:
        scores: [N, C].
        class_index: [M].
        activations: {layer: [N, K, h, w]} of the layers asked for; empty at level 0.
        gradients: {layer: [M, K, h, w]}, likewise.
        input_gradient: [M, *input shape], or None below level 2.
    """

    scores: Floats
    class_index: npt.NDArray[np.int64]
    activations: dict[str, Floats]
    gradients: dict[str, Floats]
    input_gradient: Floats | None


class LoadedModel:
    """An explainer model in ONNX Runtime, for any number of runs from any number of threads.

    Attributes:
        metadata: What the model says about itself.
        inputs: The names and shapes of the inputs of the model that it was made from.
    """

    metadata: Metadata
    inputs: dict[str, list[int | str | None]]

    def __init__(
        self, model: ModelSource | None = None, providers: Sequence[str] | None = None, threads: int | None = None
    ) -> None:
        """Loads a model; the arguments and errors are those of ``open_session``."""
        self._session, self.metadata = open_session(model, providers, threads)
        own = {TARGET_INPUT, LEVEL_INPUT}
        self.inputs = {value.name: value.shape for value in self._session.get_inputs() if value.name not in own}

    @property
    def providers(self) -> list[str]:
        """The execution providers that the model runs on."""
        return list(self._session.get_providers())

    def run(
        self,
        inputs: Mapping[str, npt.NDArray[Any]],
        targets: npt.NDArray[np.int64],
        *,
        layers: Sequence[str] = (),
        level: int = 0,
    ) -> Outputs:
        """Runs the model; that the arguments fit it is the caller's to check.

        Args:
            inputs: The image and whatever else the model takes, by name.
            targets: Classes and ranks, [T].
            layers: Of which target layers activations and gradients are wanted.
            level: 0, 1 or 2.

        Returns:
            The outputs that the level has; the others are not even copied.

        Raises:
            ModelError: ONNX Runtime cannot run the model.
        """
        wanted = layers if level else ()
        names = [SCORES_OUTPUT, CLASS_INDEX_OUTPUT]
        names += [prefix + layer for prefix in (ACTIVATIONS_PREFIX, GRADIENTS_PREFIX) for layer in wanted]
        names += [self.metadata.input_gradient_output] if level >= _AT_INPUT else []
        got = dict(zip(names, self._fetch(names, self._feed(inputs, targets, level)), strict=True))
        return Outputs(
            scores=got[SCORES_OUTPUT],
            class_index=got[CLASS_INDEX_OUTPUT],
            activations={layer: got[ACTIVATIONS_PREFIX + layer] for layer in wanted},
            gradients={layer: got[GRADIENTS_PREFIX + layer] for layer in wanted},
            input_gradient=got.get(self.metadata.input_gradient_output),
        )

    def _feed(
        self, inputs: Mapping[str, npt.NDArray[Any]], targets: npt.NDArray[np.int64], level: int
    ) -> dict[str, npt.NDArray[Any]]:
        feed = {**inputs, TARGET_INPUT: targets}
        return feed if self.metadata.flat else {**feed, LEVEL_INPUT: np.array(level, np.int64)}

    def _fetch(self, names: list[str], feed: dict[str, npt.NDArray[Any]]) -> Any:
        try:
            return self._session.run(names, feed)
        except Exception as error:  # as in onnxcam.execution.session, ONNX Runtime's exceptions have no common base
            raise ModelError(f"the model could not be run: {first_line(error)}") from error
