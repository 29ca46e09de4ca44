"""The class names, from a sequence, a mapping of numbers to names, or a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from onnxcam.text import shown
from onnxcam_export.errors import ExportError
from onnxcam_export.read.text_files import is_there, parse_json, read_text

Given = Iterable[str] | Mapping[Any, str] | os.PathLike[str] | str

_LONGEST = 10_000  # characters, as metadata allows
_DIGITS = 10  # more than any number of classes has
_FORMS = "give a list of texts, a mapping such as {0: 'cat', 1: 'dog'}, or the path of a file with a class name a line"


def labels_of(given: Given | None) -> tuple[str, ...] | None:
    """Reads the labels in whatever form they are.

    Args:
        given: Texts in the order of the scores; an ``id2label`` mapping, its keys 0 to C - 1 as numbers or as texts; or
            the path of a file: a name a line, a JSON list, or JSON with such a mapping.

    Raises:
        ExportError: It is none of these, a label is no text, or a number is missing.
    """
    if given is None:
        return None
    if isinstance(given, (str, os.PathLike)):
        file = Path(given)
        if isinstance(given, str) and not is_there(file):
            raise ExportError(f"labels is the text {shown(given)}, and there is no such file; {_FORMS}")
        given = _from_file(file)
    if isinstance(given, Mapping):
        return _in_order(given)
    if isinstance(given, (str, bytes, AbstractSet)) or not isinstance(given, Iterable):
        raise ExportError(f"labels is a {type(given).__name__}, which has no texts in order; {_FORMS}")
    return tuple(_text(index, label) for index, label in enumerate(given))


def for_classes(labels: tuple[str, ...] | None, classes: int) -> tuple[tuple[str, ...] | None, str | None]:
    """The labels for a number of classes, and a note for the report.

    A model with one score may have two labels. The score is the second's, which is then the only class.

    Raises:
        ExportError: There are more or fewer labels than classes. The message has both numbers.
    """
    if labels is None or len(labels) == classes:
        return labels, None
    if (len(labels), classes) == (2, 1):
        negative, positive = map(shown, labels)
        return labels[1:], (
            f"the model has one score, taken to be that of {positive}; explanations for {negative}, for which it is "
            "low, are not supported"
        )
    raise ExportError(f"{len(labels)} labels were given for {classes} classes; give one for each, in order")


def _in_order(given: Mapping[Any, Any]) -> tuple[str, ...]:
    """The names by their numbers, which JSON writes as texts."""
    by_number = {_number(key): name for key, name in given.items()}
    missing = [number for number in range(len(given)) if number not in by_number]
    if missing:
        known = {*range(len(given)), *map(str, range(len(given)))}
        odd = next((key for key in given if key not in known), missing[0] - 1)
        swapped = "; it maps names to numbers: swap them" if isinstance(given.get(odd), int) else ""
        raise ExportError(
            f"labels has the key {shown(odd)} and none for class {missing[0]}{swapped}; give a key for "
            f"each class, from 0 to {len(given) - 1}"
        )
    return tuple(_text(number, by_number[number]) for number in range(len(given)))


def _number(key: Any) -> Any:
    return int(key) if isinstance(key, str) and key.isdecimal() and len(key) < _DIGITS else key


def _text(index: int, label: Any) -> str:
    if not isinstance(label, str):
        raise ExportError(f"labels[{index}] is {shown(label)}, a {type(label).__name__}; give a text for each class")
    if len(label) > _LONGEST or any("\ud800" <= character <= "\udfff" for character in label):
        raise ExportError(f"labels[{index}] is {shown(label)}; give valid Unicode of at most {_LONGEST} characters")
    return str(label)


def _from_file(file: Path) -> Any:
    """The lines, or the content of JSON; in a model's ``config.json``, its ``id2label``."""
    text = read_text(file)
    if file.suffix.lower() != ".json":
        return [line.strip() for line in text.rstrip().split("\n")] if text.strip() else []
    content = parse_json(text, file)
    if not isinstance(content, (list, dict)):
        raise ExportError(f"{file} holds a {type(content).__name__} and no list or mapping of class names")
    return content.get("id2label", content) if isinstance(content, dict) else content
