"""Finds classes by index, label or rank."""

from __future__ import annotations

import difflib
import operator
from typing import TYPE_CHECKING

import numpy as np

from onnxcam.errors import TargetError
from onnxcam.text import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

# A longer number is not a class of any model, and Python refuses to convert one of thousands of digits.
_MOST_DIGITS = 18
# The part of a mistyped name that is compared with the labels; comparing takes time with its length.
_COMPARED = 200


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


def named_class(target: object, classes: int, labels: Sequence[str] | None) -> int:
    """The class index or rank that a user names.

    Args:
        target: A class index, a label, or a rank (-1 is the top-scoring class).
        classes: C.
        labels: The C class names, or None.

    Raises:
        TargetError: A class or rank does not exist, or a label is unknown or names several classes.
    """
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
        every = f"the classes 0 to {classes - 1}" if classes > 1 else "one score, 0"
        raise TargetError(f"there is no class {_shown(index)}; the model has {every}")
    if index < -classes:
        ranks = f"with {classes} classes the ranks are -1 (top) to {-classes}" if classes > 1 else "the one class is -1"
        raise TargetError(f"there is no rank {_shown(index)}; {ranks}")
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
