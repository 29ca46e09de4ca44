"""The classes that pictures really show: by the names of their folders, or from a CSV or JSON file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.errors import OutputError, TargetError
from onnxcam.strict_json import InvalidJsonError, Words, decoded
from onnxcam.targets.labels import named_class
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam.metadata import Metadata

FOLDERS = "folders"

_LARGEST = 2**26  # bytes of a file of labels


def true_classes(source: str, pictures: Sequence[Path], metadata: Metadata) -> dict[Path, int]:
    """The class of each picture.

    Args:
        source: ``folders``, where each picture lies in a folder of its class's name; or a CSV file with a picture and a
            class in each line; or a JSON file ``{"dog.jpg": "boxer", …}``. Pictures are named by their path, as it is
            given or relative to the file, or by their name alone.
        pictures: The pictures.
        metadata: The model's metadata. A class is a label or an index.

    Returns:
        The classes; pictures that the file does not name have none.

    Raises:
        TargetError: The model has no such class, or the file names none of the pictures.
        OutputError: The file cannot be read.
    """
    if source == FOLDERS:
        return {picture: _class(picture.absolute().parent.name, picture, metadata) for picture in pictures}
    path = Path(source)
    named = _read(path)
    found = {}
    for picture in pictures:
        text = _of(picture, path, named)
        if text is not None:
            found[picture] = _class(text, picture, metadata)
    if not found:
        raise TargetError(f"{path} names none of the pictures; a line of it is: dog.jpg,boxer")
    return found


def _of(picture: Path, source: Path, named: Mapping[str, str]) -> str | None:
    names = [str(picture), picture.as_posix(), picture.name]
    if picture.absolute().is_relative_to(source.absolute().parent):
        names.insert(0, picture.absolute().relative_to(source.absolute().parent).as_posix())
    return next((named[name] for name in names if name in named), None)


def _class(text: str, picture: Path, metadata: Metadata) -> int:
    try:
        index = named_class(text, metadata.classes or 1, metadata.labels)
    except TargetError as error:
        raise TargetError(f"the label of {picture}: {error}") from error
    if index < 0:
        raise TargetError(f"the label of {picture} is the rank {index}; give the class's index or name")
    return index


def _read(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > _LARGEST:
            raise OutputError(f"cannot read the labels {path}: the file is too large")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a name with a NUL
        reason = getattr(error, "strerror", None) or "it is not a text file in UTF-8"
        raise OutputError(f"cannot read the labels {path}: {reason}; name a CSV or JSON file, or 'folders'") from error
    if path.suffix.lower() == ".json":
        return _of_json(path, text)
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    for number, row in enumerate(rows, 1):
        if len(row) != 2:
            raise OutputError(
                f"the labels {path} have {len(row)} columns in row {number}: {shortened(','.join(row))}; give a "
                "picture and a class in each"
            )
    return dict(rows)


def _of_json(path: Path, text: str) -> dict[str, str]:
    try:
        named = decoded(text, dict[str, Words | int])
    except InvalidJsonError as error:
        raise OutputError(
            f'the labels {path} are not as they should be ({shortened(str(error))}); give {{"dog.jpg": "boxer"}}'
        ) from error
    return {picture: str(label) for picture, label in named.items()}
