"""Scalars of a raw detection head."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

from onnxcam.detection import CONFIDENCE, OVERLAP, Box, BoxFinder
from onnxcam.errors import TargetError
from onnxcam.targets.of_scores import Element
from onnxcam.targets.scalar import ClassName, Scalar, index_of
from onnxcam.text import shortened

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.metadata import Metadata
    from onnxcam.metadata_parts import DetectionHead


class FoundBox(Element):
    """``y`` is the class score of a box that was found in one image.

    Attributes:
        box: The box.
    """

    def __init__(self, box: Box) -> None:
        """The entry of its class score."""
        super().__init__(*box.entry)
        self.box = box

    def __repr__(self) -> str:
        """The box."""
        return f"FoundBox({self.box})"

    def bound(self, metadata: Metadata) -> Self:
        Element(*self.index).bound(metadata)
        return self

    def describe(self, metadata: Metadata) -> str:
        return metadata.label_of(self.box.c)


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
        self._check_limits()
        bound = replace(self, rank=self._checked_rank(), _head=head)
        if self.label is None:
            return bound
        index = index_of(self.label, head.count, metadata)
        if index == head.background:
            raise TargetError(f"{metadata.label_of(index)!r} is this model's background, of which there are no boxes")
        return replace(bound, label=index, _name=metadata.label_of(index))

    def value(self, s: Floats) -> float:
        return self.fixed_at(s).value(s)

    def cotangent(self, s: Floats) -> Floats:
        return self.fixed_at(s).cotangent(s)

    def fixed_at(self, s: Floats, finder: BoxFinder | None = None) -> FoundBox:
        """The box of this rank.

        Raises:
            TargetError: There are fewer boxes.
        """
        assert self._head is not None  # noqa: S101  bound set it
        boxes = (finder or BoxFinder(s, self._head))(self.confidence, self.overlap)
        boxes = [box for box in boxes if self.label in {None, box.c}]
        if self.rank < len(boxes):
            return FoundBox(boxes[self.rank])
        raise TargetError(self._missing(len(boxes)))

    def describe(self, metadata: Metadata) -> str:
        return f"detection {self.rank}" + ("" if self.label is None else f" of {metadata.label_of(int(self.label))}")

    def _missing(self, found: int) -> str:
        """The sentence of an image with fewer boxes than the rank needs."""
        of = "" if self.label is None else f" of {shortened(repr(self._name))}"
        rank = f", so there is no rank {self.rank}; the best box has rank 0, or -1 on the command line" if found else ""
        return (
            f"the model finds {found or 'no'} {'box' if found == 1 else 'boxes'}{of} in this image with a confidence "
            f"of {self.confidence:g} or more{rank}"
        )

    def _checked_rank(self) -> int:
        try:
            rank = operator.index(self.rank)
        except TypeError:
            rank = -1
        if rank < 0:
            raise TargetError(f"the rank of a detection is a whole number from 0, not {shortened(repr(self.rank))}")
        return rank

    def _check_limits(self) -> None:
        for name, limit in (("confidence", self.confidence), ("overlap", self.overlap)):
            if not isinstance(limit, (int, float)) or not limit >= 0:
                raise TargetError(f"the {name} of a detection is a number from 0, not {shortened(repr(limit))}")
