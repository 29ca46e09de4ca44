"""The picture formats that can be written, by the ending of the path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def picture_format(path: Path) -> str:
    """The format that a path's ending stands for.

    Args:
        path: The file to write.

    Returns:
        Pillow's name of the format.

    Raises:
        OutputError: The ending is none of ``FORMATS``.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise OutputError(f"cannot write {path}: the ending must be one of {', '.join(FORMATS)}") from None
