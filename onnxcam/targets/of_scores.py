"""Scalars of scores of any shape: regions, single entries, similarities and weighted sums."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import numpy.typing as npt

from onnxcam.errors import TargetError
from onnxcam.targets.scalar import ClassName, Scalar, checked_array, index_of, one_at
from onnxcam.text import shortened

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.detection import BoxFinder
    from onnxcam.metadata import Metadata


@dataclass(frozen=True, eq=False)
class Region(Scalar):
    """``y = sum over the mask of s_c``; v is the mask in channel c. For scores [C, *places].

    Attributes:
        c: An index or a label.
        mask: Numbers or truth values of the shape ``places``; None is where c has the highest score, or, if it is the
            only one, a positive score.
    """

    c: ClassName
    mask: npt.ArrayLike | None = None

    @property
    def needs_scores(self) -> bool:  # type: ignore[override]
        """Whether the mask is taken from the scores."""
        return self.mask is None

    def bound(self, metadata: Metadata) -> Self:
        channels, *places = metadata.shape_of_scores
        if not places:
            raise TargetError(f"a region needs scores for places, and this model's are [{channels}]; give a class")
        index = index_of(self.c, channels, metadata)
        if self.mask is None:
            return replace(self, c=index)
        mask = checked_array(self.mask, "the mask of a region")
        if mask.shape != tuple(places):
            raise TargetError(f"the mask of a region must be {places}, as the scores are, not {list(mask.shape)}")
        if not mask.any():
            raise TargetError("the mask of a region is empty; give one with at least one place")
        return replace(self, c=index, mask=mask)

    def value(self, s: Floats) -> float:
        return float((s * self.cotangent(s)).sum(dtype=np.float64))

    def cotangent(self, s: Floats) -> Floats:
        v = np.zeros_like(s)
        v[int(self.c)] = self._mask(s)
        return v

    def fixed_at(self, s: Floats, finder: BoxFinder | None = None) -> Self:
        del finder
        return replace(self, mask=self._mask(s))

    def describe(self, metadata: Metadata) -> str:
        return f"region of {metadata.label_of(int(self.c))}"

    def _mask(self, s: Floats) -> Floats:
        if self.mask is not None:
            return np.asarray(self.mask, np.float32)
        mask = s[0] > 0 if len(s) == 1 else s.argmax(axis=0) == self.c
        if not mask.any():
            which = "a positive" if len(s) == 1 else "the highest"
            raise TargetError(f"class {self.c} has {which} score nowhere in this image; give a mask")
        where: Floats = mask.astype(np.float32)
        return where


class Element(Scalar):
    """``y`` is one entry of s; v has a one there.

    Attributes:
        index: Its indices along the axes of s; negative ones count from the end.
    """

    def __init__(self, *index: int) -> None:
        """``Element(4, 17)`` is the entry [4, 17]."""
        self.index = index

    def __repr__(self) -> str:
        """The call that makes it."""
        return f"Element({', '.join(map(repr, self.index))})"

    def bound(self, metadata: Metadata) -> Self:
        shape = metadata.shape_of_scores
        fits = len(self.index) == len(shape) and all(
            isinstance(i, (int, np.integer)) and -size <= i < size for i, size in zip(self.index, shape, strict=True)
        )
        if not fits:
            raise TargetError(
                f"there is no entry {shortened(str(list(self.index)))} in scores of the shape {list(shape)}"
            )
        return type(self)(*(int(i) % size for i, size in zip(self.index, shape, strict=True)))

    def value(self, s: Floats) -> float:
        return float(s[self.index])

    def cotangent(self, s: Floats) -> Floats:
        return one_at(s, self.index)

    def describe(self, metadata: Metadata) -> str:
        del metadata
        return f"score {list(self.index)}"


@dataclass(frozen=True, eq=False)
class Similarity(Scalar):
    """``y = cos(s, g)``, the cosine of the scores, as an embedding, with a vector.

    v is ``(g / |g| - y s / |s|) / |s|``.

    Attributes:
        vector: g, [D].
    """

    needs_scores: ClassVar[bool] = True

    vector: npt.ArrayLike

    def bound(self, metadata: Metadata) -> Self:
        g = checked_array(self.vector, "the vector of a similarity")
        shape = metadata.shape_of_scores
        if g.size != math.prod(shape):
            raise TargetError(f"the vector of a similarity must have {math.prod(shape)} numbers, not {g.size}")
        if not g.any():
            raise TargetError("the vector of a similarity is zero, and has no direction")
        return replace(self, vector=g.reshape(shape))

    def value(self, s: Floats) -> float:
        s, g = s.astype(np.float64), np.asarray(self.vector, np.float64)
        return float((s * g).sum() / (np.linalg.norm(s) * np.linalg.norm(g)))

    def cotangent(self, s: Floats) -> Floats:
        g, length = np.asarray(self.vector, np.float64), float(np.linalg.norm(s.astype(np.float64)))
        if length == 0:
            raise TargetError("the scores are all zero, so that their similarity has no gradient")
        v: Floats = (g / np.linalg.norm(g) - self.value(s) * s / length) / length
        return v.astype(np.float32)

    def describe(self, metadata: Metadata) -> str:
        del metadata
        return "similarity"


@dataclass(frozen=True, eq=False)
class Linear(Scalar):
    """``y = <v, s>``: any weights of the scores.

    Attributes:
        v: Of the shape of s.
    """

    v: npt.ArrayLike

    def bound(self, metadata: Metadata) -> Self:
        v = checked_array(self.v, "the weights of the scores")
        shape = metadata.shape_of_scores
        if v.shape != shape:
            raise TargetError(f"the weights of the scores must be {list(shape)}, not {list(v.shape)}")
        return replace(self, v=v)

    def value(self, s: Floats) -> float:
        return float((np.asarray(self.v, np.float64) * s).sum())

    def cotangent(self, s: Floats) -> Floats:
        del s
        return np.asarray(self.v, np.float32)

    def describe(self, metadata: Metadata) -> str:
        del metadata
        return "weighted scores"
