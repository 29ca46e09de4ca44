"""Text and JSON that a user names a file of: read within bounds, with one kind of error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from onnxcam_export.errors import ExportError

if TYPE_CHECKING:
    from pathlib import Path

# Bytes; the labels of ImageNet-21k take half a million.
_LARGEST = 2**24


def is_there(file: Path) -> bool:
    """Whether there is a file or folder of that name; a text too long to be a name is none."""
    try:
        return file.exists()
    except (OSError, ValueError):  # ValueError: a NUL
        return False


def read_text(file: Path) -> str:
    """The whole text, its lines ended by a line feed, without a byte order mark.

    Raises:
        ExportError: The file cannot be read, is not UTF-8, or is too large to be what it should be.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise ExportError(
            f"cannot read {file}: {getattr(error, 'strerror', None) or error}; give a text file"
        ) from error
    if len(content) > _LARGEST:
        raise ExportError(f"{file} has more than {_LARGEST >> 20} MiB; give a text file")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ExportError(f"{file} is not text in UTF-8; save it as UTF-8") from error


def parse_json(text: str, file: Path) -> Any:
    """Whatever the JSON in a file says.

    Raises:
        ExportError: It is no JSON.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ExportError(f"{file} is nested too deeply") from error
    except ValueError as error:
        raise ExportError(f"{file} is not JSON: {error}") from error
