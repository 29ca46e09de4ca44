"""Runs an explainer model on images or tensors."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from onnxcam.attributions import Attributions
from onnxcam.errors import TensorError
from onnxcam.execution.bundled import default_model
from onnxcam.execution.model import LoadedModel, Request
from onnxcam.explanation import Explanation
from onnxcam.levels import Level, checked_level
from onnxcam.photograph.opening import PANEL_SIDE, PictureSource, open_picture, picture_sources
from onnxcam.photograph.placed import PlacedPhotograph
from onnxcam.photograph.preprocessing import needed_shorter_side, preprocess
from onnxcam.run_checks import check_alone, check_inputs, chosen_layers
from onnxcam.targets.rows import Targets, any_target, resolve
from onnxcam.targets.scalar import Scalar
from onnxcam.tensors import as_array, check_tensor
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam.artifact.source import ModelSource
    from onnxcam.cam import Floats
    from onnxcam.metadata import Metadata


class Explainer(Attributions):
    """An explainer model, loaded once and ready for any number of images, from any number of threads.

    Attributes:
        metadata: The model's metadata.
    """

    metadata: Metadata

    def __init__(
        self,
        model: ModelSource | None = None,
        *,
        providers: Sequence[str] | None = None,
        threads: int | None = None,
        strict: bool = False,
        level: Level | None = None,
        spinning: bool = True,
    ) -> None:
        """Loads a model.

        Args:
            model: The path or the bytes of an explainer model; None is the default model, EfficientNet-Lite0.
            providers: ONNX Runtime's execution providers in order of preference, such as ``["cuda", "cpu"]``: the first
                        that works is used. None is CUDA if it can be loaded, and the CPU otherwise.
            threads: The threads of one run; None is one per core, or as many as a container's quota allows.
            strict: Whether all of the providers must work. Otherwise one is enough.
            level: The highest level that runs may ask for. The model is opened fixed at it, which takes less memory and
                loads sooner; None lets each run choose, at the memory of all levels.
            spinning: Whether a run's threads spin while they wait for work. A run alone is quicker with it; where
                several threads run the model at a time, or others have work to do, it is better without.

        Raises:
            ModelError: The file is missing, empty, corrupt, not an explainer model, or from a newer schema.
            ProviderError: A provider is unknown or cannot be loaded.
        """
        opening = partial(
            Explainer, providers=providers, threads=threads, strict=strict, level=level, spinning=spinning
        )
        self._opening = opening, (model,)
        self._model = LoadedModel(model, providers, threads, strict=strict, level=level, spinning=spinning)
        self._name = "model" if isinstance(model, bytes) else Path(default_model() if model is None else model).name
        self.metadata = self._model.metadata

    @property
    def providers(self) -> list[str]:
        """The execution providers that the model runs on."""
        return list(self._model.providers)

    @property
    def model(self) -> LoadedModel:
        """The loaded model, whose inputs and outputs are those of the graph."""
        return self._model

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names of the C classes, or None if the model has none."""
        return self.metadata.labels

    def __repr__(self) -> str:
        """One line: the model, its input, its classes and layers, and its provider."""
        return f"<Explainer {shortened(self._name)}: {self.metadata.summary}, on {self.providers[0]}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the path and the options; the model is opened where it lands."""
        return self._opening

    def close(self) -> None:
        """Frees the model's memory. Runs that other threads have begun continue; new runs are an error."""
        self._model.close()

    def __enter__(self) -> Self:
        """For ``with onnxcam.Explainer(…) as explainer``."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    def explain(
        self,
        images: PictureSource | Sequence[PictureSource],
        target: Targets = -1,
        *,
        layer: str | None = None,
        level: Level | None = None,
        timeout: float | None = None,
    ) -> Explanation:
        """Explains one image, or several as one batch.

        Args:
            images: A path, the bytes of a file, an open binary file, a Pillow image, or a uint8 array [H, W, C] or
                [H, W]; or a list of these.
            target: A class index, a label, a rank (-1 is the top-scoring class, -2 the second), or a scalar of
                ``onnxcam.targets``; or a list of these, one for each image. For a single image, a list of any length
                explains that many targets. For several images, a list of lists explains several targets of each; the
                images are then run one by one.
            layer: The target layer to fetch; None is every target layer of the model.
            level: 0 for the scores alone, 1 also for CAM and Grad-CAM, 2 also for the gradient at the input; None is
                the highest that the model has.
            timeout: The seconds after which the run is ended; ONNX Runtime stops between two operators. None is no
                limit.

        Returns:
            The explanation, with a row for each explained class.

        Raises:
            PictureError: An image is missing, damaged, too large, or not an image.
            TargetError: A class, label or rank does not exist, or the targets do not fit the number of images.
            LayerError: The model has no such target layer.
            ModelError: The model was exported without preprocessing and takes tensors only, or its outputs hold NaN or
                infinity.
            RunTimeoutError: The run took longer than ``timeout``.
        """
        shorter = needed_shorter_side(self.metadata)
        opened = [open_picture(source, shorter=shorter, longer=PANEL_SIDE) for source in picture_sources(images)]
        prepared = [preprocess(image, self.metadata) for image in opened]
        if not prepared:
            raise TensorError("there are no images to explain")
        photographs = [
            PlacedPhotograph(image.image, placed) for image, (_, placed) in zip(opened, prepared, strict=True)
        ]
        tensor = np.stack([values for values, _ in prepared])
        inputs = {self.metadata.image.name: tensor}
        return self._run(inputs, target, layer=layer, level=level, timeout=timeout, photographs=photographs)

    def embed(self, images: PictureSource | Sequence[PictureSource], *, timeout: float | None = None) -> Floats:
        """The scores of images as embeddings, such as the vector of ``onnxcam.targets.Similarity``.

        Args:
            images: As in ``explain``.
            timeout: As in ``explain``.

        Returns:
            [N, D], as the model gives them: not normalised.

        Raises:
            PictureError: As in ``explain``.
            ModelError: As in ``explain``.
            RunTimeoutError: As in ``explain``.
        """
        scores = self.explain(images, any_target(self.metadata), level=0, timeout=timeout).scores
        return scores.reshape(len(scores), -1)

    def run(
        self,
        tensor: npt.NDArray[Any],
        target: Targets = -1,
        *,
        layer: str | None = None,
        level: Level | None = None,
        inputs: Mapping[str, npt.NDArray[Any]] | None = None,
        timeout: float | None = None,
    ) -> Explanation:
        """Explains preprocessed input, for services that have their own pipeline.

        Args:
            tensor: [N, *metadata.image.shape], of the type ``metadata.image.dtype``; a numpy array, or another
                library's tensor in the computer's memory.
            target: As in ``explain``.
            layer: As in ``explain``.
            level: As in ``explain``.
            inputs: The model's other inputs, by name.
            timeout: As in ``explain``.

        Returns:
            The explanation.

        Raises:
            TensorError: The tensor has another rank, shape or type, or holds NaN or infinity; or ``inputs`` are not
                those that the model needs.
            TargetError: As in ``explain``.
            LayerError: As in ``explain``.
            ModelError: The model's outputs hold NaN or infinity.
            RunTimeoutError: As in ``explain``.
        """
        every = {**(inputs or {}), self.metadata.image.name: as_array(tensor)}
        return self._run(every, target, layer=layer, level=level, timeout=timeout)

    def _run(
        self,
        inputs: dict[str, npt.NDArray[Any]],
        target: Targets,
        *,
        layer: str | None,
        level: int | None,
        timeout: float | None,
        photographs: list[PlacedPhotograph] | None = None,
    ) -> Explanation:
        metadata, tensor = self.metadata, inputs[self.metadata.image.name]
        check_inputs(inputs.keys(), self._model.inputs)
        check_tensor(tensor, metadata.image)
        level = checked_level(level, metadata)
        layers = chosen_layers(layer, metadata)
        wanted = resolve(target, len(tensor), metadata)
        request = Request(layers, level, timeout, finite=True)
        if len(wanted) == 1:
            outputs = self._model.explain(inputs, wanted[0], request)
        else:
            check_alone(inputs, metadata)
            outputs = self._model.explain_each(tensor, wanted, request)
        guided = metadata.input_gradient == "guided"
        return Explanation(
            metadata=metadata,
            level=level,
            scores=outputs.scores,
            class_index=outputs.class_index,
            activations=outputs.activations,
            gradients=outputs.gradients,
            guided=outputs.input_gradient if guided else None,
            tensor=tensor,
            photographs=photographs,
            input_gradients=None if guided else outputs.input_gradient,
            scalars=tuple(item if isinstance(item, Scalar) else None for item in outputs.wanted),
            finders=outputs.finders,
        )
