"""The base of all scalars y that can be explained, and what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from onnxcam.errors import TargetError
from onnxcam.targets.labels import find_label, named_class
from onnxcam.text import shortened

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.detection import BoxFinder
    from onnxcam.metadata import Metadata

ClassName = int | str


class Scalar(ABC):
    """A scalar y that is computed from the scores s of one image, before any softmax or sigmoid.

    s is [C] of a classifier, [C, *places] of a segmentation network, and of any other shape.

    Attributes:
        needs_scores: Whether v depends on the scores, so that one more run at level 0 comes first.
    """

    needs_scores: ClassVar[bool] = False

    @abstractmethod
    def bound(self, metadata: Metadata) -> Self:
        """The scalar with labels replaced by indices and all arguments checked against a model.

        Raises:
            TargetError: The model has no such class or element, or no scores of that shape.
        """

    @abstractmethod
    def value(self, s: Floats) -> float:
        """Y."""

    @abstractmethod
    def cotangent(self, s: Floats) -> Floats:
        """``v = dy/ds``, of the shape of s."""

    def fixed_at(self, s: Floats, finder: BoxFinder | None = None) -> Scalar:
        """The scalar of which every part that is chosen by the scores is chosen at s.

        Args:
            s: The scores of one image.
            finder: Its boxes, if the model is a detector.

        Raises:
            TargetError: There is no such part.
        """
        del s, finder
        return self

    @abstractmethod
    def describe(self, metadata: Metadata) -> str:
        """The scalar in a few words, for captions."""


def number_of_classes(metadata: Metadata) -> int:
    """C of a classifier.

    Raises:
        TargetError: The scores are not [N, C].
    """
    if metadata.classes is None:
        raise TargetError(
            f"this model's scores are {list(metadata.shape_of_scores)} and not one for each class; give a Region, an "
            "Element or Linear of onnxcam.targets"
        )
    return metadata.classes


def class_of(c: object, metadata: Metadata) -> int:
    """The index of a class of a classifier."""
    classes = number_of_classes(metadata)
    if metadata.is_binary and isinstance(c, str) and metadata.labels is not None:
        if find_label(c, metadata.labels) == 1:
            return 0
        raise TargetError(
            f"the one score of this model is that of {shortened(repr(metadata.labels[1]))}; name this class, or the "
            f"other one as a target by itself"
        )
    return index_of(c, classes, metadata)


def index_of(c: object, classes: int, metadata: Metadata) -> int:
    """The index of a class, given by its index or label, among a number of classes."""
    index = named_class(c, classes, metadata.labels)
    if index < 0:
        raise TargetError(f"{index} is a rank; give a class by its index or label")
    return index


def one_at(s: Floats, index: Any) -> Floats:
    """Zeros of the shape of s, with a one at an index."""
    v = np.zeros_like(s)
    v[index] = 1
    return v


def checked_array(given: Any, name: str) -> npt.NDArray[np.float32]:
    """Finite numbers in float32; ``name`` is for the message."""
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(given).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise TargetError(f"{name} must be numbers: {shortened(str(error))}") from error
    if not np.isfinite(array).all():
        raise TargetError(f"{name} must be finite, and there is NaN or infinity among them")
    return array
