"""The result of explaining a batch: scores, activations and gradients, and the targets that they are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxcam.maps import Maps
from onnxcam.methods import Method
from onnxcam.scores import ClassScore, probabilities, short_repr, two_labels
from onnxcam.targets.of_classes import Negative
from onnxcam.targets.of_detections import FoundBox
from onnxcam.targets.of_scores import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cam import Floats
    from onnxcam.detection import Box, BoxFinder
    from onnxcam.metadata import Metadata
    from onnxcam.photograph.placed import PlacedPhotograph
    from onnxcam.targets.scalar import Scalar

__all__ = ["ClassScore", "Explanation", "Method"]

_CLASSES_IN_REPR = 3


@dataclass(frozen=True, slots=True, eq=False)
class Explanation(Maps):
    """The explanation of a batch of N images, with a row for each of M targets.

    Every image has the same number of rows, and the rows of the first image come first.

    Attributes:
        metadata: The model's metadata.
        level: The level of the run: 0, 1 or 2.
        scores: The scores before any softmax or sigmoid, [N, C] of a classifier.
        class_index: The class explained in each row, [M]; ranks are resolved, and a scalar that is no class has -1.
        activations: A of each fetched layer, {layer: [N, K, *places]}; empty at level 0.
        gradients: dy/dA of each fetched layer, {layer: [M, K, *places]}; empty at level 0.
        guided: Guided backpropagation at the input, [M, *input shape]; None if the model or the level has none.
        tensor: The model's input, [N, *input shape].
        photographs: The N images, or None if a tensor was given.
        input_gradients: The gradient at the input, [M, *input shape], if the model has one that is not guided; or None.
        scalars: The scalar of ``onnxcam.targets`` that each row explains, with all that the scores choose chosen; None
            of a class.
        finders: The boxes of each image, if the model is a detector.
    """

    metadata: Metadata
    level: int
    scores: Floats
    class_index: npt.NDArray[np.int64]
    activations: dict[str, Floats]
    gradients: dict[str, Floats]
    guided: Floats | None
    tensor: npt.NDArray[Any]
    photographs: Sequence[PlacedPhotograph] | None
    input_gradients: Floats | None = None
    scalars: Sequence[Scalar | None] = ()
    finders: Sequence[BoxFinder] = ()

    @property
    def labels(self) -> list[str]:
        """The names of the M targets: the class's label, or its index as text; a scalar's description."""
        return [self.explained(row).label for row in range(len(self.class_index))]

    @property
    def probabilities(self) -> Floats | None:
        """The scores after the model's own softmax or sigmoid, [N, C]; None if it has neither, or no class scores."""
        return None if self.metadata.classes is None else probabilities(self.scores, self.metadata.score_activation)

    def image_of(self, row: int) -> int:
        """The index of the image that a row explains."""
        return row * len(self.scores) // len(self.class_index)

    def explained(self, row: int) -> ClassScore:
        """The target that a row explains: its class with its score, or a scalar with its value.

        Args:
            row: One of the M rows.
        """
        image, scalar = self.image_of(row), self.scalars[row] if self.scalars else None
        if scalar is None:
            return self.class_score(1 if self.metadata.is_binary else int(self.class_index[row]), image)
        if self.metadata.is_binary and isinstance(scalar, Negative):
            return self.class_score(0, image)
        return ClassScore(-1, scalar.describe(self.metadata), scalar.value(self.scores[image]), None)

    def boxes(self, image: int = 0) -> list[Box]:
        """The boxes of a detection model after non-maximum suppression, the most confident first; none of others.

        Args:
            image: One of the N images.
        """
        return self.finders[image]() if self.finders else []

    def box_of(self, row: int) -> Box | None:
        """The box that a row explains; None if it explains something else.

        Args:
            row: One of the M rows.
        """
        scalar = self.scalars[row] if self.scalars else None
        return scalar.box if isinstance(scalar, FoundBox) else None

    def region_of(self, row: int) -> Floats | None:
        """The mask of the region that a row explains, of the scores' places; None if it explains something else.

        Args:
            row: One of the M rows.
        """
        scalar = self.scalars[row] if self.scalars else None
        return np.asarray(scalar.mask, np.float32) if isinstance(scalar, Region) else None

    def class_score(self, index: int, image: int = 0) -> ClassScore:
        """The score and probability of one class of one image.

        Args:
            index: The class; of a single score with two labels, 0 is the first of them and 1 the second.
            image: One of the N images.
        """
        if self.metadata.is_binary and self.metadata.labels is not None:
            return two_labels(float(self.scores[image, 0]), self.metadata.labels, self.metadata.score_activation)[index]
        after = probabilities(self.scores[image : image + 1], self.metadata.score_activation)
        probability = None if after is None else float(after[0, index])
        return ClassScore(index, self.metadata.label_of(index), float(self.scores[image, index]), probability)

    def top(self, count: int = 5, image: int = 0) -> list[ClassScore]:
        """The classes with the highest scores, best first; none where the scores are not [N, C].

        Args:
            count: The number of classes.
            image: One of the N images.
        """
        if self.metadata.classes is None:
            return []
        scores = self.scores[image]
        if self.metadata.is_binary:
            scores = np.array([-scores[0], scores[0]])
        order = np.argsort(-scores, kind="stable")[:count]
        return [self.class_score(int(index), image) for index in order]

    def __repr__(self) -> str:
        """One line, without the arrays."""
        shown = [short_repr(label) for label in self.labels[:_CLASSES_IN_REPR]]
        more = len(self.class_index) - len(shown)
        classes = ", ".join([*shown, f"{more} more"] if more else shown)
        layers = ", ".join(map(short_repr, self.activations))
        return f"Explanation(images={len(self.scores)}, targets=[{classes}], layers=[{layers}], level={self.level})"
