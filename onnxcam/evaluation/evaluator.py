"""Evaluates a model's explanations of images, one record for each, with several threads."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from onnxcam.artifact.adapt import stated_metadata
from onnxcam.errors import MethodError, OnnxCamError
from onnxcam.evaluation.measure import measure, subject_of
from onnxcam.evaluation.records import Key, Record
from onnxcam.evaluation.scorer import Scorer, to_channels_first, to_input
from onnxcam.evaluation.substitutes import substitute_of
from onnxcam.execution.bundled import default_model
from onnxcam.execution.model import LoadedModel
from onnxcam.execution.threads import available_threads
from onnxcam.explainer import Explainer
from onnxcam.hashes import file_sha256, model_sha256
from onnxcam.photograph.opening import open_picture
from onnxcam.photograph.preprocessing import needed_shorter_side, preprocess, required
from onnxcam.targets.labels import named_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from onnxcam.cam import Floats
    from onnxcam.evaluation.candidates import Candidate
    from onnxcam.evaluation.conventions import Convention
    from onnxcam.evaluation.measure import Subject
    from onnxcam.evaluation.records import Measured
    from onnxcam.evaluation.regions import Place
    from onnxcam.explanation import Explanation
    from onnxcam.levels import Level
    from onnxcam.metadata import Metadata

# Images that are in work: while the maps of one are measured, the next is explained.
_IN_WORK = 2


@dataclass(frozen=True, slots=True)
class Question:
    """An image to evaluate.

    Attributes:
        path: Its file.
        place: Where the objects are; None if that is not known.
        objects: A hash of that and of the label, for the record's key.
        label: The class to explain, by its label or index; None is the model's top class.
    """

    path: Path
    place: Place | None = None
    objects: str = ""
    label: str | int | None = None


@dataclass(frozen=True, slots=True)
class _Begun:
    """An image whose maps are being measured."""

    question: Question
    key: Key
    c: int
    subject: Subject
    maps: dict[str, Future[Measured]]


class Evaluator:
    """A model that is opened at level 0 for the forward passes, and once more for the explanations.

    Each thread makes its own images and runs them on one core. This keeps every core busy, where a run on all cores
    would wait for its images.

    Attributes:
        metadata: The model's metadata.
        candidates: What is evaluated.
    """

    def __init__(
        self,
        model: Path | None,
        convention: Convention,
        candidates: Callable[[Metadata], list[Candidate]],
        *,
        layer: str | None = None,
        providers: Sequence[str] | None = None,
        threads: int | None = None,
        batch: int | None = None,
    ) -> None:
        """Opens the model.

        Args:
            model: A classifier of images; None is the default model.
            convention: What is measured, and how.
            candidates: What is evaluated, by the model's metadata.
            layer: The target layer; None is the model's first.
            providers: As in ``Explainer``.
            threads: Of the evaluation; None is one per core.
            batch: As in ``Scorer``.

        Raises:
            ModelError: As in ``Explainer``, or the model has no preprocessing.
            MethodError: The model is no classifier, or lacks a method.
            LayerError: There is no such layer.
        """
        path = default_model() if model is None else model
        self._convention, self._layer, self._workers = convention, layer, available_threads(threads)
        self.metadata = stated_metadata(path)
        required(self.metadata)
        if self.metadata.classes is None:
            raise MethodError(
                f"the model's scores are {list(self.metadata.shape_of_scores)}; evaluate takes models with a score for "
                "each class"
            )
        self.candidates = candidates(self.metadata)
        highest = max(candidate.level for candidate in self.candidates)
        self._explainer = Explainer(path, providers=providers, threads=1, level=None if highest == 2 else highest)
        self._score = Scorer(LoadedModel(path, providers, 1, level=0), batch)
        self._hash_of_model = model_sha256(path)
        settings = json.dumps([asdict(convention), layer], sort_keys=True)
        self._settings = hashlib.sha256(settings.encode()).hexdigest()

    @property
    def forward_passes(self) -> int:
        """The images that went through the model at level 0 so far."""
        return self._score.images

    def key_of(self, question: Question) -> Key:
        """What the result of an image depends on.

        Raises:
            OSError: The image cannot be read.
        """
        image = file_sha256(question.path)
        return Key(image, self._hash_of_model, self._settings, question.objects)

    def evaluate(self, questions: Iterable[Question]) -> Iterator[tuple[Question, Record | Exception]]:
        """Evaluates images one after the other.

        Args:
            questions: The images.

        Yields:
            Each image with its record, or with the error for which it has none, in their order.
        """
        with ThreadPoolExecutor(self._workers) as pool:
            try:
                in_work: deque[_Begun | tuple[Question, Exception]] = deque()
                for question in questions:
                    in_work.append(self._begin(question, pool))
                    if len(in_work) >= _IN_WORK:
                        yield self._end(in_work.popleft())
                while in_work:
                    yield self._end(in_work.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _begin(self, question: Question, pool: ThreadPoolExecutor) -> _Begun | tuple[Question, Exception]:
        """Explains an image, and has its maps measured."""
        try:
            key = self.key_of(question)
            image, region = self._opened(question)
            c = self._class_of(question, image)
            score = partial(self._score, c=c)
            substitute = partial(substitute_of, image, metadata=self.metadata)
            subject = subject_of(image, score, self._convention, substitute, region)
            explanation = self._explain(image, c, max(candidate.level for candidate in self.candidates))
            maps = {
                candidate.name: pool.submit(
                    measure,
                    candidate.compute(image, explanation),
                    subject,
                    score,
                    self._convention,
                    partial(self._map_of, candidate=candidate, c=c),
                )
                for candidate in self.candidates
            }
        except Exception as error:  # noqa: BLE001  the caller decides whether to continue
            return question, error
        return _Begun(question, key, c, subject, maps)

    def _end(self, begun: _Begun | tuple[Question, Exception]) -> tuple[Question, Record | Exception]:
        """Waits for the maps of an image."""
        if isinstance(begun, tuple):
            return begun
        try:
            maps = {name: future.result() for name, future in begun.maps.items()}
        except Exception as error:  # noqa: BLE001  as above
            return begun.question, error
        region = begun.subject.region
        return begun.question, Record(
            key=begun.key,
            image=begun.question.path.name,
            c=begun.c,
            label=self.metadata.label_of(begun.c),
            probability=begun.subject.probability,
            region=None if region is None else float(region.mean()),
            maps=maps,
        )

    def _opened(self, question: Question) -> tuple[Floats, np.ndarray | None]:
        """The preprocessed image [C, H, W], and where its objects are; None also where the crop has left them out."""
        picture = open_picture(question.path, shorter=needed_shorter_side(self.metadata))
        row, placed = preprocess(picture, self.metadata)
        region = None if question.place is None else question.place(picture.size, placed)
        return to_channels_first(row, self.metadata), region if region is not None and region.any() else None

    def _class_of(self, question: Question, image: Floats) -> int:
        if question.label is None:
            return int(self._score.of_classes(image).argmax())
        return named_class(question.label, self.metadata.classes or 1, self.metadata.labels)

    def _explain(self, image: Floats, c: int, level: Level) -> Explanation | None:
        if level == 0:
            return None
        count = self.metadata.image.batch or 1
        tensor = np.stack([to_input(image, self.metadata)] * count)
        return self._explainer.run(tensor, [c] * count, layer=self._layer, level=level)

    def _map_of(self, image: Floats, *, candidate: Candidate, c: int) -> Floats:
        return candidate.compute(image, self._explain(image, c, candidate.level))


def is_for_one_image(error: Exception) -> bool:
    """Whether other images may go well after an error: it is about an image's file, its mask or its class."""
    return isinstance(error, OnnxCamError | MemoryError | OSError)
