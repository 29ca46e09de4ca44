"""Reads a target that is written as text: a class, or a scalar of the scores in a few signs.

::

    tiger cat               a label, an index or a rank; of scores for places, the region where a class wins; of a
                            detection model, its most confident box of a class, or the box of a rank
    tiger cat - tabby       the contrast of two classes
    not:pneumonia           what speaks against a class
    p:tiger cat             the probability of a class
    mask.png:road           the region that is white in a picture
    [4, 17]                 one entry of the scores

What is a label as a whole is a label, whichever of these signs it holds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from onnxcam.errors import TargetError
from onnxcam.targets.labels import named_class
from onnxcam.targets.of_classes import Contrast, Negative, Probability
from onnxcam.targets.of_detections import Detection
from onnxcam.targets.of_scores import Element, Region
from onnxcam.targets.scalar import class_of
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onnxcam.metadata import Metadata
    from onnxcam.targets.rows import Target

_T = TypeVar("_T")

_PREFIXES: dict[str, type[Negative | Probability]] = {"not": Negative, "p": Probability}
_ENTRY = re.compile(r"\[\s*-?\d{1,18}(\s*,\s*-?\d{1,18})*\s*\]", re.ASCII)
_RANK = re.compile(r"-\d{1,9}", re.ASCII)
# Scores [C, height, width] or with more axes of places are those of a segmentation network.
_AXES_OF_REGIONS = 3


def read_target(text: str, metadata: Metadata, of_mask: Callable[[str, str], _T] | None = None) -> Target | _T:
    """Reads one target.

    Args:
        text: The text.
        metadata: The model's metadata.
        of_mask: Reads the region of a class from the path of a picture; None where no paths are read.

    Raises:
        TargetError: The model has no such target.
    """
    if _is_class(text, metadata) or (metadata.detection is not None and _RANK.fullmatch(text.strip())):
        return _of_class(text, metadata)
    prefix, colon, rest = text.partition(":")
    if colon and prefix.strip().lower() in _PREFIXES:
        return _prefixed(_PREFIXES[prefix.strip().lower()], rest.strip(), metadata)
    if _ENTRY.fullmatch(text.strip()):
        return Element(*(int(number) for number in text.strip()[1:-1].split(",")))
    contrasts = [pair for pair in _splits(text, " - ") if all(_is_class(part, metadata) for part in pair)]
    if len(contrasts) > 1:
        raise TargetError(f"{_quoted(text)} can be read as several contrasts; give the classes by their indices")
    if contrasts:
        c, d = contrasts[0]
        return Contrast(_class(c, metadata), _class(d, metadata))
    for path, name in _splits(text, ":") if of_mask else ():
        if of_mask and _is_class(name, metadata):
            return of_mask(path, name.strip())
    raise _unknown(text, metadata)


def _prefixed(kind: type[Negative | Probability], text: str, metadata: Metadata) -> Target:
    """What speaks against a class, or its probability; of two labels, the first one's negative is the second."""
    if not metadata.is_binary:
        return kind(_class(text, metadata))
    index = named_class(text, 2, metadata.labels)
    if index < 0:
        raise TargetError(f"{index} is a rank; give one of the two labels")
    return Probability(str(index)) if kind is Probability else 1 - index


def _of_class(text: str, metadata: Metadata) -> Target:
    """The target that a class or rank stands for: itself, the region where it wins, or its box."""
    if metadata.classes is not None:
        return text
    if metadata.detection is None:
        return Region(text)
    if _is_class(text, metadata):
        return Detection(0, named_class(text.strip(), metadata.detection.count, metadata.labels))
    return Detection(-1 - int(text))


def _unknown(text: str, metadata: Metadata) -> TargetError:
    """The error of a text that is no target; it is about the part that names no class."""
    parts = next(_splits(text, " - "), (text,))
    mistaken = next((part for part in parts if not _is_class(part, metadata)), text)
    try:
        if count := _named_classes(metadata):
            named_class(mistaken.strip(), count, metadata.labels)
    except TargetError as error:
        return error
    return _no_classes(metadata)


def _no_classes(metadata: Metadata) -> TargetError:
    """The error of a class where the scores are not [N, C]."""
    shape = list(metadata.shape_of_scores)
    if metadata.detection is not None:
        return TargetError("this model's targets are its boxes; give CLASS or a rank, -1 for the best box")
    entry = f'"{[0] * len(shape)}" for one entry of them'
    regions = "CLASS for the region where it wins, mask.png:CLASS for a region of yours, or "
    return TargetError(
        f"this model's scores are {shape} and not one for each class; give "
        f"{regions if _named_classes(metadata) else ''}{entry}"
    )


def _class(text: str, metadata: Metadata) -> int:
    if metadata.classes is None:
        raise _no_classes(metadata)
    return class_of(text.strip(), metadata)


def _is_class(text: str, metadata: Metadata) -> bool:
    """Whether a text names a class or, where classes can be targets, a rank."""
    count = _named_classes(metadata)
    try:
        return count > 0 and (named_class(text.strip(), count, metadata.labels) >= 0 or metadata.classes is not None)
    except TargetError:
        return False


def _named_classes(metadata: Metadata) -> int:
    """The number of classes that have a name or an index; zero if the scores are neither of classes nor of places."""
    if metadata.classes is not None:
        return 2 if metadata.is_binary else metadata.classes
    if metadata.detection is not None:
        return metadata.detection.count
    shape = metadata.shape_of_scores
    return shape[0] if len(shape) >= _AXES_OF_REGIONS else 0


def _splits(text: str, sign: str) -> Iterator[tuple[str, str]]:
    """The parts before and after each occurrence of a sign, the last one first."""
    end = text.rfind(sign)
    while end >= 0:
        yield text[:end], text[end + len(sign) :]
        end = text.rfind(sign, 0, end)


def _quoted(text: str) -> str:
    return shortened(repr(text))
