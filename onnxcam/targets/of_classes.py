"""Scalars of class scores, s of the shape [C]."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import numpy.typing as npt

from onnxcam.errors import TargetError
from onnxcam.scores import probabilities
from onnxcam.targets.labels import named_class
from onnxcam.targets.scalar import ClassName, Scalar, class_of, one_at
from onnxcam.text import shortened

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.detection import BoxFinder
    from onnxcam.metadata import Metadata


@dataclass(frozen=True)
class Class(Scalar):
    """``y = s_c``; v is ``e_c``.

    Attributes:
        c: An index or a label.
    """

    c: ClassName

    def bound(self, metadata: Metadata) -> Self:
        return replace(self, c=class_of(self.c, metadata))

    def value(self, s: Floats) -> float:
        return float(s[int(self.c)])

    def cotangent(self, s: Floats) -> Floats:
        return one_at(s, self.c)

    def describe(self, metadata: Metadata) -> str:
        return metadata.label_of(int(self.c))


@dataclass(frozen=True)
class Contrast(Scalar):
    """``y = s_c - s_d``: why c and not d; v is ``e_c - e_d``.

    Attributes:
        c: An index or a label.
        d: Another one.
    """

    c: ClassName
    d: ClassName

    def bound(self, metadata: Metadata) -> Self:
        c, d = class_of(self.c, metadata), class_of(self.d, metadata)
        if c == d:
            raise TargetError(f"a contrast needs two classes, and both are {shortened(repr(self.d))}")
        return replace(self, c=c, d=d)

    def value(self, s: Floats) -> float:
        return float(s[int(self.c)]) - float(s[int(self.d)])

    def cotangent(self, s: Floats) -> Floats:
        return one_at(s, self.c) - one_at(s, self.d)

    def describe(self, metadata: Metadata) -> str:
        return f"{metadata.label_of(int(self.c))} - {metadata.label_of(int(self.d))}"


@dataclass(frozen=True)
class Negative(Scalar):
    """``y = -s_c``: what speaks against c; v is ``-e_c``.

    Attributes:
        c: An index or a label.
    """

    c: ClassName

    def bound(self, metadata: Metadata) -> Self:
        return replace(self, c=class_of(self.c, metadata))

    def value(self, s: Floats) -> float:
        return -float(s[int(self.c)])

    def cotangent(self, s: Floats) -> Floats:
        return -one_at(s, self.c)

    def describe(self, metadata: Metadata) -> str:
        if metadata.is_binary and metadata.labels is not None:
            return metadata.labels[0]
        return f"not {metadata.label_of(int(self.c))}"


@dataclass(frozen=True)
class LabelOfTwo(Scalar):
    """Of a single score with two labels, the likelier label or the other one; v is ``e_0`` or ``-e_0``.

    Attributes:
        rank: -1 is the likelier label.
    """

    needs_scores: ClassVar[bool] = True

    rank: int = -1

    def bound(self, metadata: Metadata) -> Self:
        del metadata
        return self

    def value(self, s: Floats) -> float:
        return self.fixed_at(s).value(s)

    def cotangent(self, s: Floats) -> Floats:
        return self.fixed_at(s).cotangent(s)

    def fixed_at(self, s: Floats, finder: BoxFinder | None = None) -> Class | Negative:
        del finder
        return Class(0) if (s[0] >= 0) == (self.rank == -1) else Negative(0)

    def describe(self, metadata: Metadata) -> str:
        del metadata
        return "likelier label" if self.rank == -1 else "other label"


@dataclass(frozen=True)
class Probability(Scalar):
    """``y = p_c`` with p the softmax or sigmoid of s, whichever the model has, or the softmax if it has neither.

    v is ``p_c (e_c - p)`` of the softmax and ``p_c (1 - p_c) e_c`` of the sigmoid.

    Attributes:
        c: An index or a label.
        activation: ``softmax`` or ``sigmoid``; None is the model's own.
    """

    needs_scores: ClassVar[bool] = True

    c: ClassName
    activation: str | None = None
    _is_first_of_two: bool = field(default=False, repr=False)  # the label whose probability is 1 - p

    def bound(self, metadata: Metadata) -> Self:
        usual = "sigmoid" if metadata.is_binary else "softmax"
        activation = self.activation or metadata.score_activation or usual
        if activation not in {"softmax", "sigmoid"}:
            raise TargetError(f"the activation is 'softmax' or 'sigmoid', not {shortened(repr(activation))}")
        if metadata.classes == 1 and activation == "softmax":
            raise TargetError(
                "this model's one score has no sigmoid, and so no probability; explain the score itself, or give "
                "Probability an activation of 'sigmoid' if that is how the score is read"
            )
        if metadata.is_binary and isinstance(self.c, str) and named_class(self.c, 2, metadata.labels) == 0:
            return replace(self, c=0, activation=activation, _is_first_of_two=True)
        c = 0 if metadata.is_binary and isinstance(self.c, str) else class_of(self.c, metadata)
        return replace(self, c=c, activation=activation)

    def value(self, s: Floats) -> float:
        p = float(self._p(s)[int(self.c)])
        return 1 - p if self._is_first_of_two else p

    def cotangent(self, s: Floats) -> Floats:
        p = self._p(s)
        own = one_at(p, self.c)
        v: Floats = p[int(self.c)] * (own - p) if self.activation == "softmax" else p * (1 - p) * own
        return (-v if self._is_first_of_two else v).astype(np.float32)

    def describe(self, metadata: Metadata) -> str:
        if self._is_first_of_two and metadata.labels is not None:
            return f"probability of {metadata.labels[0]}"
        return f"probability of {metadata.label_of(int(self.c))}"

    def _p(self, s: Floats) -> npt.NDArray[np.float64]:
        found = probabilities(s[None], self.activation)  # type: ignore[arg-type]
        assert found is not None  # noqa: S101  bound chose one
        p: npt.NDArray[np.float64] = found[0].astype(np.float64)
        return p
