"""Marks the files that onnxcam writes, so that it overwrites its own results and nothing else.

A picture carries the mark as EXIF, ``Software: onnxcam …``; an archive of arrays carries it as the comment of the zip
file. Next to it is a fingerprint of the explained image's path. So an image that was edited is still the same image,
and two images of one name in two folders are two.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from typing import TYPE_CHECKING, BinaryIO

from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from onnxcam.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import ImageFile

_SOFTWARE = "onnxcam"


def fingerprint(photograph: Path) -> str:
    """A hash of the image's path, which identifies the image and does not reveal the path."""
    return hashlib.blake2b(os.fsencode(photograph.absolute()), digest_size=16).hexdigest()


def signature(source: str = "") -> bytes:
    """The mark of a picture, as EXIF.

    Args:
        source: The fingerprint of the explained image, if there is one.

    Returns:
        Bytes for ``Image.save(…, exif=…)``.
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
        The fingerprint of the explained image, empty if the mark has none; None if onnxcam did not write the file.
    """
    try:
        software, source = _of_archive(path) if zipfile.is_zipfile(path) else _of_picture(path)
    except Exception:  # noqa: BLE001  if a decoder fails in any way, the file is not ours
        return None
    return source if software.partition(" ")[0] == _SOFTWARE else None


def _of_archive(path: Path) -> tuple[str, str]:
    with zipfile.ZipFile(path) as archive:
        software, _, source = archive.comment.decode().rpartition(" ")
    return software, source


def _of_picture(path: Path) -> tuple[str, str]:
    with path.open("rb") as file, _header(file) as image:
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
    return str(exif.get(ExifTags.Base.Software, "")), str(exif.get(ExifTags.Base.DocumentName, ""))


def _header(file: BinaryIO) -> ImageFile.ImageFile:
    """Reads a picture's header without Pillow's limit of pixels, since nothing is decoded."""
    start = file.read(4)
    file.seek(0)
    if start.startswith(b"\x89PNG"):
        return PngImagePlugin.PngImageFile(file)
    if start.startswith(b"RIFF"):
        return WebPImagePlugin.WebPImageFile(file)
    return JpegImagePlugin.JpegImageFile(file)
