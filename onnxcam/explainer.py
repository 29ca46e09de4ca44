"""Running explainer models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from onnxcam.contract import (
    ACTIVATIONS_PREFIX,
    CLASS_INDEX_OUTPUT,
    GRADIENTS_PREFIX,
    GUIDED_OUTPUT,
    LEVEL_INPUT,
    SCORES_OUTPUT,
    TARGET_INPUT,
)
from onnxcam.errors import LayerError, MethodError, ModelError, TensorError
from onnxcam.execution.session import Model, first_line, open_session
from onnxcam.explanation import Explanation, PlacedPhotograph
from onnxcam.photograph.opening import PANEL_SIDE, PictureSource, open_picture
from onnxcam.photograph.preprocessing import needed_shorter_side, preprocess
from onnxcam.targets import Targets, resolve
from onnxcam.tensors import check_tensor

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from onnxcam.metadata import Metadata

Level = Literal[0, 1, 2]


class Explainer:
    """An explainer model, loaded once and ready for any number of pictures, from any number of threads.

    Attributes:
        metadata: What the model says about itself.
    """

    metadata: Metadata

    def __init__(
        self, model: Model | None = None, *, providers: Sequence[str] | None = None, threads: int | None = None
    ) -> None:
        """Loads a model.

        Args:
            model: The path or the bytes of an explainer model; None is the default model, EfficientNet-Lite0.
            providers: ONNX Runtime's execution providers in order of preference, such as ``["cuda"]``; None is CUDA
                where it can be loaded, and the CPU.
            threads: For one run's operators; None is one per core.

        Raises:
            ModelError: The file is missing, empty, corrupt, not an explainer model, or from a newer schema.
            ProviderError: A provider is unknown or cannot be loaded.
        """
        self._session, self.metadata = open_session(model, providers, threads)
        own = {TARGET_INPUT, LEVEL_INPUT}
        self._inputs = {value.name: value.shape for value in self._session.get_inputs() if value.name not in own}

    @property
    def providers(self) -> list[str]:
        """The execution providers that the model runs on."""
        return list(self._session.get_providers())

    def explain(
        self,
        images: PictureSource | Sequence[PictureSource],
        target: Targets = -1,
        *,
        layer: str | None = None,
        level: Level = 2,
    ) -> Explanation:
        """Explains one picture, or several as one batch.

        Args:
            images: A path, a Pillow image, or a uint8 array [H, W, C] or [H, W]; or a list of these.
            target: A class index, a label, or a rank (-1 is the top-scoring class, -2 the second); or a list of these,
                one for each picture. For a single picture a list of any length explains that many classes of it.
            layer: The target layer to fetch; None is all that the model has.
            level: 0 for the scores alone, 1 also for CAM and Grad-CAM, 2 also for guided backpropagation.

        Returns:
            The explanation, with a row for each explained class.

        Raises:
            PictureError: A picture is missing, damaged, too large, or none.
            TargetError: A class, label or rank does not exist, or the targets do not fit the number of pictures.
            LayerError: The model has no such target layer.
            ModelError: The model takes no pictures, since it was exported without preprocessing.
        """
        sources = [images] if isinstance(images, (str, os.PathLike, Image.Image, np.ndarray)) else list(images)
        shorter = needed_shorter_side(self.metadata)
        pictures = [open_picture(source, shorter=shorter, longer=PANEL_SIDE) for source in sources]
        prepared = [preprocess(picture, self.metadata) for picture in pictures]
        if not prepared:
            raise TensorError("there are no pictures to explain")
        photographs = [
            PlacedPhotograph(picture.image, placed) for picture, (_, placed) in zip(pictures, prepared, strict=True)
        ]
        tensor = np.stack([values for values, _ in prepared])
        return self._run({self.metadata.image.name: tensor}, target, layer, level, photographs)

    def run(
        self,
        tensor: npt.NDArray[Any],
        target: Targets = -1,
        *,
        layer: str | None = None,
        level: Level = 2,
        inputs: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> Explanation:
        """Explains input that is preprocessed already, for services with a pipeline of their own.

        Args:
            tensor: [N, *metadata.image.shape], of the type ``metadata.image.dtype``.
            target: As in ``explain``.
            layer: As in ``explain``.
            level: As in ``explain``.
            inputs: What the model needs besides the image, by name.

        Returns:
            The explanation.

        Raises:
            TensorError: The tensor has another rank, shape or type, or holds NaN or infinity; or ``inputs`` are not
                those that the model needs.
            TargetError: As in ``explain``.
            LayerError: As in ``explain``.
        """
        return self._run({**(inputs or {}), self.metadata.image.name: tensor}, target, layer, level, None)

    def _run(
        self,
        inputs: dict[str, npt.NDArray[Any]],
        target: Targets,
        layer: str | None,
        level: int,
        photographs: list[PlacedPhotograph] | None,
    ) -> Explanation:
        metadata, tensor = self.metadata, inputs[self.metadata.image.name]
        self._require(inputs.keys())
        check_tensor(tensor, metadata.image)
        if level not in {0, 1, 2}:
            raise MethodError(f"the level is 0 (scores), 1 (Grad-CAM) or 2 (guided backpropagation), not {level!r}")
        layers = self._layers(layer) if level else []
        targets = resolve(target, images=len(tensor), classes=metadata.classes, labels=metadata.labels)
        names = _outputs(layers, level)
        answers = dict(zip(names, self._fetch(names, inputs, targets, level), strict=True))
        return Explanation(
            metadata=metadata,
            level=level,
            scores=answers[SCORES_OUTPUT],
            class_index=answers[CLASS_INDEX_OUTPUT],
            activations={name: answers[ACTIVATIONS_PREFIX + name] for name in layers},
            gradients={name: answers[GRADIENTS_PREFIX + name] for name in layers},
            guided=answers.get(GUIDED_OUTPUT),
            tensor=tensor,
            photographs=photographs,
        )

    def _layers(self, layer: str | None) -> list[str]:
        names = [item.name for item in self.metadata.layers]
        if layer is None:
            return names
        if layer not in names:
            raise LayerError(f"the model has no target layer {layer!r}; it has {', '.join(names)}")
        return [layer]

    def _require(self, given: Collection[str]) -> None:
        """Whether every input of the model is given, and no other."""
        missing = [f"{name} {shape}" for name, shape in self._inputs.items() if name not in given]
        if missing:
            raise TensorError(
                f"besides the image the model needs {', '.join(missing)}; hand over preprocessed input and "
                "these with Explainer.run(…, inputs={name: array})"
            )
        unknown = [name for name in given if name not in self._inputs]
        if unknown:
            raise TensorError(f"the model has no input {', '.join(unknown)}; it takes {', '.join(self._inputs)}")

    def _fetch(
        self, names: list[str], inputs: dict[str, npt.NDArray[Any]], targets: npt.NDArray[np.int64], level: int
    ) -> Any:
        feed = {**inputs, TARGET_INPUT: targets}
        if not self.metadata.flat:
            feed[LEVEL_INPUT] = np.array(level, np.int64)
        try:
            return self._session.run(names, feed)
        except Exception as error:  # as in onnxcam.session, ONNX Runtime's exceptions have no common base
            raise ModelError(f"the model could not be run: {first_line(error)}") from error


def _outputs(layers: list[str], level: int) -> list[str]:
    """The graph outputs that the level needs; the others are not even copied."""
    names = [SCORES_OUTPUT, CLASS_INDEX_OUTPUT]
    for layer in layers:
        names += [ACTIVATIONS_PREFIX + layer, GRADIENTS_PREFIX + layer]
    return [*names, GUIDED_OUTPUT] if level == 2 else names  # noqa: PLR2004
