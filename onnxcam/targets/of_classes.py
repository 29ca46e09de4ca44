"""Scalars of class scores, s of the shape [C]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import numpy.typing as npt

from onnxcam.errors import TargetError
from onnxcam.scores import probabilities
from onnxcam.targets.scalar import ClassName, Scalar, class_of, one_at
from onnxcam.text import shortened

if TYPE_CHECKING:
    from onnxcam.cam import Floats
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

    def bound(self, metadata: Metadata) -> Self:
        activation = self.activation or metadata.score_activation or "softmax"
        if activation not in {"softmax", "sigmoid"}:
            raise TargetError(f"the activation is 'softmax' or 'sigmoid', not {shortened(repr(activation))}")
        return replace(self, c=class_of(self.c, metadata), activation=activation)

    def value(self, s: Floats) -> float:
        return float(self._p(s)[int(self.c)])

    def cotangent(self, s: Floats) -> Floats:
        p = self._p(s)
        own = one_at(p, self.c)
        v: Floats = p[int(self.c)] * (own - p) if self.activation == "softmax" else p * (1 - p) * own
        return v.astype(np.float32)

    def describe(self, metadata: Metadata) -> str:
        return f"probability of {metadata.label_of(int(self.c))}"

    def _p(self, s: Floats) -> npt.NDArray[np.float64]:
        found = probabilities(s[None], self.activation)  # type: ignore[arg-type]
        assert found is not None  # noqa: S101  bound chose one
        p: npt.NDArray[np.float64] = found[0].astype(np.float64)
        return p
