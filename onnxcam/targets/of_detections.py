"""Scalars of a raw detection head."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

from onnxcam.detection import CONFIDENCE, OVERLAP, Box, found_boxes
from onnxcam.errors import TargetError
from onnxcam.targets.of_scores import Element
from onnxcam.targets.scalar import ClassName, Scalar, index_of, one_at
from onnxcam.text import shortened

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.metadata import Metadata
    from onnxcam.metadata_parts import DetectionHead


@dataclass(frozen=True)
class Detection(Scalar):
    """``y`` is the class score of one box, after non-maximum suppression; v has a one at its entry of the raw head.

    Attributes:
        rank: 0 is the most confident box.
        label: The class, by its index or label, among whose boxes the rank counts; None is any.
        confidence: The least confidence of a box.
        overlap: The largest intersection over union of two boxes of one class.
    """

    needs_scores: ClassVar[bool] = True

    rank: int = 0
    label: ClassName | None = None
    confidence: float = CONFIDENCE
    overlap: float = OVERLAP
    _head: DetectionHead | None = field(default=None, repr=False)
    _name: str = field(default="", repr=False)

    def bound(self, metadata: Metadata) -> Self:
        head = metadata.detection
        if head is None:
            raise TargetError(
                "this model does not say where its boxes are, so it has no detections; export it with detection=…"
            )
        try:
            rank = operator.index(self.rank)
        except TypeError:
            rank = -1
        if rank < 0:
            raise TargetError(f"the rank of a detection is a whole number from 0, not {shortened(repr(self.rank))}")
        if self.label is None:
            return replace(self, rank=rank, _head=head)
        index = index_of(self.label, head.count, metadata)
        return replace(self, rank=rank, label=index, _head=head, _name=metadata.label_of(index))

    def box(self, s: Floats) -> Box:
        """The box, by the scores of one image.

        Raises:
            TargetError: There are fewer boxes.
        """
        assert self._head is not None  # noqa: S101  bound set it
        boxes = found_boxes(s, self._head, confidence=self.confidence, overlap=self.overlap)
        boxes = [box for box in boxes if self.label in {None, box.c}]
        if self.rank < len(boxes):
            return boxes[self.rank]
        of = "" if self.label is None else f" of {shortened(repr(self._name))}"
        raise TargetError(
            f"the model finds {len(boxes) or 'no'} {'box' if len(boxes) == 1 else 'boxes'}{of} in this image with a "
            f"confidence of {self.confidence:g} or more, so there is no rank {self.rank}"
        )

    def value(self, s: Floats) -> float:
        return float(s[self.box(s).entry])

    def cotangent(self, s: Floats) -> Floats:
        return one_at(s, self.box(s).entry)

    def fixed_at(self, s: Floats) -> Scalar:
        return Element(*self.box(s).entry)

    def describe(self, metadata: Metadata) -> str:
        return f"detection {self.rank}" + ("" if self.label is None else f" of {metadata.label_of(int(self.label))}")

    def describe_at(self, s: Floats, metadata: Metadata) -> str:
        return metadata.label_of(self.box(s).c)
