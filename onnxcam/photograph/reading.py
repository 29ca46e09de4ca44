"""Reads the header of an image from a path, bytes or a stream, and decides which formats are read."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Protocol, runtime_checkable

from PIL import Image, UnidentifiedImageError

from onnxcam.errors import PictureError

# Pillow has many more decoders. Some start programs (EPS) or read files within files (ICO, ICNS), and the others are
# rarely used. They are tried in this order, so the most frequent come first. JPEG includes MPO, which phones write.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "PPM", "AVIF")
_NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF, JPEG 2000, AVIF, PPM or PGM"

# Bytes at which an endless stream is refused: twice the largest image that Pillow allows, as 8-bit RGB.
STREAM_LIMIT = 2**29
_CHUNK = 2**20

# Bytes 4 to 12 of the HEIC images that many phones take.
_HEIC = {b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")}


@runtime_checkable
class BinaryStream(Protocol):
    """An open file, or any other source of bytes."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""


FileSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryStream
FILE_TYPES = (str, os.PathLike, bytes, bytearray, memoryview, BinaryStream)


def identify(source: FileSource, name: str) -> Image.Image:
    """Reads an image's header.

    Args:
        source: A path, also of a pipe; the bytes of a file; or an open binary file, which is read to its end.
        name: The name for error messages.

    Returns:
        The image, not decoded yet; the caller closes it.

    Raises:
        PictureError: The file is missing, empty or too large, or not an image in one of ``FORMATS``.
    """
    file = _file(source, name)
    try:
        return Image.open(file, formats=FORMATS)
    except (UnidentifiedImageError, KeyError):  # KeyError: Pillow before 11.3 has no AVIF
        raise PictureError(f"{name} is not an image in a format that onnxcam reads: {_hint(file)}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(too_large(name, "its", Image.MAX_IMAGE_PIXELS)) from error
    except Exception as error:  # decoders raise anything: OSError, SyntaxError, ValueError, struct.error, …
        of_the_system = isinstance(error, OSError) and error.errno is not None
        trouble = f"cannot read {name}" if of_the_system else f"{name} is damaged or truncated"
        raise PictureError(f"{trouble}: {reason(error)}") from error


def name_of(source: FileSource) -> str:
    """The name of an image for error messages: its path, if it has one."""
    name = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    return os.fsdecode(name) if isinstance(name, (str, os.PathLike)) else "the image"


def too_large(name: str, whose: str, limit: int | None) -> str:
    """The message about an image with too many pixels.

    Args:
        name: The image's name.
        whose: The words before "pixels".
        limit: The largest number of pixels.
    """
    return (
        f"{name} is too large: {whose} pixels are more than the limit of {limit:,}; if you trust the "
        "image, raise the limit with --max-pixels (in Python PIL.Image.MAX_IMAGE_PIXELS)"
    )


def reason(error: Exception) -> str:
    """The message of a decoder's or the system's exception, without its number."""
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _file(source: FileSource, name: str) -> Path | io.BytesIO:
    """The path of a regular file, or all bytes of any other source: both of which Pillow can open."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _not_empty(io.BytesIO(source), name)
    if isinstance(source, BinaryStream):
        return _not_empty(_read(source, name), name)
    try:
        path = _existing(source, name)
        if path.is_file():
            return path
        with path.open("rb") as stream:
            return _not_empty(_read(stream, name), name)
    except FileNotFoundError:
        raise PictureError(f"there is no image {name}") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise PictureError(f"cannot read {name}: {reason(error)}") from error


def _existing(source: str | os.PathLike[str], name: str) -> Path:
    if not os.fspath(source):
        raise PictureError("the name of an image is empty; give its path")
    path = Path(source)
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise PictureError(f"{name} is a folder, not an image")
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise PictureError(f"{name} is empty")
    return path


def _read(stream: BinaryStream, name: str) -> io.BytesIO:
    """Reads a stream to its end, up to ``STREAM_LIMIT`` bytes."""
    content = io.BytesIO()
    try:
        while chunk := stream.read(_CHUNK):
            content.write(chunk)
            if content.tell() > STREAM_LIMIT:
                raise PictureError(f"{name} gives more than {STREAM_LIMIT >> 20} MiB; a stream must be smaller")
    except TypeError:
        raise PictureError(f"{name} is open as text; open it as binary, with the mode 'rb'") from None
    except (OSError, ValueError, MemoryError) as error:  # ValueError: a closed file
        raise PictureError(f"cannot read {name}: {reason(error)}") from error
    content.seek(0)
    return content


def _not_empty(content: io.BytesIO, name: str) -> io.BytesIO:
    if not content.getbuffer().nbytes:
        raise PictureError(f"{name} is empty")
    return content


def _hint(file: Path | io.BytesIO) -> str:
    """The end of the message: this file is HEIC, or the formats that are read."""
    if isinstance(file, Path):
        with file.open("rb") as stream:
            start = stream.read(12)
    else:
        start = file.getvalue()[:12]
    return "it is HEIC; convert it to JPEG or PNG" if start[4:12] in _HEIC else _NAMES
