"""The mark in the files that onnxcam writes, so that it overwrites its own results and nothing else.

A picture carries it as EXIF, ``Software: onnxcam …``, an archive of arrays as the comment of the zip file. Beside it
stands the fingerprint of the photograph's path: so a photograph that was edited is still the same one, and two of one
name in two folders are not.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from typing import TYPE_CHECKING, BinaryIO

from PIL import ExifTags, Image

from onnxcam.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

_SOFTWARE = "onnxcam"
_PICTURES = ("PNG", "JPEG", "WEBP")


def fingerprint(photograph: Path) -> str:
    """Tells photographs apart by their path, which it does not give away."""
    return hashlib.blake2b(os.fsencode(photograph.absolute()), digest_size=16).hexdigest()


def signature(source: str = "") -> bytes:
    """The mark of a picture, as EXIF.

    Args:
        source: The photograph's fingerprint, if it has one.

    Returns:
        For ``Image.save(…, exif=…)``.
    """
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = f"{_SOFTWARE} {__version__}"
    if source:
        exif[ExifTags.Base.DocumentName] = source
    return exif.tobytes()


def sign_archive(file: BinaryIO, source: str = "") -> None:
    """Adds the mark to a finished zip file, such as ``numpy.savez`` writes.

    Args:
        file: Open for reading and writing.
        source: As in ``signature``.
    """
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = f"{_SOFTWARE} {__version__} {source}".encode()


def signed_source(path: Path) -> str | None:
    """Reads the mark of a file.

    Args:
        path: Any file.

    Returns:
        The fingerprint of the photograph, empty where none is stated; None where the file is not one of ours.
    """
    try:
        software, source = _of_archive(path) if zipfile.is_zipfile(path) else _of_picture(path)
    except Exception:  # noqa: BLE001  whatever a stranger's file makes a decoder raise, the file is not ours
        return None
    return source if software.partition(" ")[0] == _SOFTWARE else None


def _of_archive(path: Path) -> tuple[str, str]:
    with zipfile.ZipFile(path) as archive:
        software, _, source = archive.comment.decode().rpartition(" ")
    return software, source


def _of_picture(path: Path) -> tuple[str, str]:
    with Image.open(path, formats=_PICTURES) as image:
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
    return str(exif.get(ExifTags.Base.Software, "")), str(exif.get(ExifTags.Base.DocumentName, ""))
