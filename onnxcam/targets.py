"""Turns targets (class indices, labels, ranks) into the indices and ranks that the model takes."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Collection, Sequence
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from onnxcam.errors import TargetError
from onnxcam.text import listed, shortened

# A longer number is not a class of any model, and Python refuses to convert one of thousands of digits.
_MOST_DIGITS = 18
# The part of a mistyped name that is compared with the labels; comparing takes time with its length.
_COMPARED = 200

Target = int | str | np.integer
Targets = Target | Sequence[Target] | Sequence[Sequence[Target]] | npt.NDArray[np.integer]


def resolve(
    target: Targets, *, images: int, classes: int, labels: Sequence[str] | None = None
) -> npt.NDArray[np.int64]:
    """Turns targets into values for the model's target input, and checks that they fit the batch.

    Args:
        target: A class index, a label, a rank (-1 is the top-scoring class, -2 the second), or a sequence of these; or
            a sequence for each image, all of one length.
        images: N, the number of images.
        classes: C, the number of classes.
        labels: The C class names, or None.

    Returns:
        Class indices and ranks: [T] with T = N, T = 1 or, for one image, any T. If there is a sequence for each of
            several images, [N, T] with any T.

    Raises:
        TargetError: A class or rank does not exist, a label is unknown or names several classes, or T does not fit N.
    """
    wanted = list(target) if _is_several(target) else [target]
    if not wanted:
        raise TargetError("no target is given; -1 is the top-scoring class")
    if any(_is_several(item) for item in wanted):
        rows = [[_resolve_one(item, classes, labels) for item in row] for row in _rows(wanted, images)]
        return np.array(rows if images > 1 else rows[0], np.int64)
    if images > 1 and len(wanted) not in {1, images}:
        raise TargetError(
            f"{len(wanted)} targets do not fit {images} images; give one target for all, one for each image, or a list "
            "for each image"
        )
    return np.array([_resolve_one(item, classes, labels) for item in wanted], np.int64)


def find_label(text: str, labels: Sequence[str]) -> int:
    """Finds a class by its name, in upper or lower case.

    Args:
        text: The whole name, or one of the synonyms in it (ImageNet has ``tabby, tabby cat``). A whole name is
            preferred to a synonym.
        labels: All class names.

    Returns:
        The index.

    Raises:
        TargetError: No class has that name, or several do.
    """
    wanted = text.strip().lower()
    whole = [index for index, label in enumerate(labels) if label.lower() == wanted]
    found = whole or [index for index, label in enumerate(labels) if wanted in _synonyms(label)]
    if len(found) == 1:
        return found[0]
    if found:
        raise TargetError(f"{_quoted(text)} names the classes {_listed(found)}; give one of these numbers")
    raise TargetError(f"there is no class {_quoted(text)}; {_suggest(wanted[:_COMPARED], labels)}")


def _rows(wanted: Sequence[object], images: int) -> list[list[object]]:
    """The targets of each image.

    Raises:
        TargetError: They are not as many lists as images, or not all of one length.
    """
    rows = [list(row) if _is_several(row) else [] for row in wanted]
    if len(rows) != images:
        raise TargetError(f"{len(rows)} lists of targets do not fit {images} images; give one list for each image")
    if not rows[0] or any(len(row) != len(rows[0]) for row in rows):
        raise TargetError("the lists of targets differ in length, or are empty; give each image as many targets")
    return rows


def _is_several(target: object) -> TypeGuard[Collection[Any]]:
    """Whether it is a list, an array or the like; an array without axes is one number."""
    return isinstance(target, Collection) and not isinstance(target, (str, bytes)) and getattr(target, "ndim", 1) != 0


def _resolve_one(target: object, classes: int, labels: Sequence[str] | None) -> int:
    if isinstance(target, str):
        return _resolve_text(target, classes, labels)
    try:
        if not isinstance(target, (bool, np.bool_)):
            return _check_range(operator.index(target), classes)  # type: ignore[arg-type]
    except TypeError:
        pass
    raise TargetError(f"a target is a class index, a label or a rank, not {_quoted(target)}")


def _resolve_text(text: str, classes: int, labels: Sequence[str] | None) -> int:
    """A label is preferred to a number, since a class may be called ``7``."""
    number = _number_in(text)
    if labels is not None:
        try:
            return find_label(text, labels)
        except TargetError:
            if number is None:
                raise
    if number is None:
        raise TargetError(
            f"the model has no labels, so {_quoted(text)} names no class; give an index from 0 to {classes - 1}"
        )
    return _check_range(number, classes)


def _check_range(index: int, classes: int) -> int:
    if index >= classes:
        raise TargetError(f"there is no class {_shown(index)}; the model has the classes 0 to {classes - 1}")
    if index < -classes:
        raise TargetError(
            f"there is no rank {_shown(index)}; with {classes} classes the ranks are -1 (top) to {-classes}"
        )
    return index


def _number_in(text: str) -> int | None:
    signed = text.strip()
    digits = signed.removeprefix("-")
    return int(signed) if digits.isdecimal() and len(digits) <= _MOST_DIGITS else None


def _shown(index: int) -> str:
    return str(index) if abs(index) < 10**_MOST_DIGITS else "of such a number"


def _quoted(target: object) -> str:
    try:
        return shortened(repr(target))
    except ValueError:  # it holds a number of thousands of digits
        return f"such a {type(target).__name__}"


def _synonyms(label: str) -> list[str]:
    return [part.strip() for part in label.lower().split(",")]


def _listed(indices: Sequence[int]) -> str:
    return f"{listed(str(index) for index in indices[:-1])} and {indices[-1]}"


def _suggest(wanted: str, labels: Sequence[str]) -> str:
    """Labels with the wanted word, then those that are spelt alike, then those that contain its letters."""
    names = {name: label for label in labels for name in (*_synonyms(label), label.lower())}
    with_the_word = (label for label in labels if wanted in label.lower().replace(",", " ").split())
    alike = (names[name] for name in difflib.get_close_matches(wanted, names, n=3))
    containing = (label for label in labels if wanted in label.lower())
    close = list(dict.fromkeys((*with_the_word, *alike, *containing)))[:3]
    if not close or not wanted:
        return "see the classes with 'onnxcam inspect --labels'"
    return f"did you mean {' or '.join(map(_quoted, close))}?"
