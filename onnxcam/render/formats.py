"""The picture formats that can be written, and writing them to a path or a file object."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from onnxcam.errors import OutputError
from onnxcam.files import check_writable, replacing
from onnxcam.render.png import encode_png
from onnxcam.signature import signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    Target = str | os.PathLike[str] | BinaryIO

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

_SAVE_OPTIONS = {"JPEG": {"quality": 92}, "WEBP": {"quality": 90, "method": 2}}


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


def named_format(name: str | None) -> str:
    """The format of that name, such as ``png`` or ``.PNG``.

    Args:
        name: None where the user named none.

    Returns:
        Pillow's name of the format.

    Raises:
        OutputError: The name is none of those of ``FORMATS``, or missing.
    """
    known = ", ".join(ending.removeprefix(".") for ending in FORMATS)
    if name is None:
        raise OutputError(f"a file object has no ending that says what to write; give format=, one of {known}")
    try:
        return FORMATS["." + name.lower().removeprefix(".")]
    except KeyError:
        raise OutputError(f"there is no picture format {name!r}; it must be one of {known}") from None


def encode(image: Image.Image, name: str, source: str = "") -> bytes:
    """The bytes of a picture file, which carries the mark of ``onnxcam.signature``.

    Args:
        image: RGB.
        name: Pillow's name of the format.
        source: The photograph's fingerprint.
    """
    if name == "PNG":
        return encode_png(image, signature(source))
    file = io.BytesIO()
    image.save(file, name, exif=signature(source), **_SAVE_OPTIONS[name])
    return file.getvalue()


def save_picture(
    target: Target, draw: Callable[[], Image.Image], name: str | None = None, source: str = ""
) -> Path | None:
    """Checks the target, draws, and writes.

    Args:
        target: A path, or a file object that is open for writing bytes.
        draw: Makes the picture; not called where the target is no good.
        name: The format; None is the one that the path's ending stands for.
        source: The photograph's fingerprint, see ``onnxcam.signature``.

    Returns:
        The path, or None for a file object.

    Raises:
        OutputError: The format is not known, or the path or the file object cannot be written.
    """
    if not isinstance(target, (str, os.PathLike)):
        _write(target, draw, named_format(name))
        return None
    path = Path(target)
    format_name = picture_format(path) if name is None else named_format(name)
    check_writable(path)
    content = encode(draw(), format_name, source)
    with replacing(path) as file:
        file.write(content)
    return path


def _write(file: BinaryIO, draw: Callable[[], Image.Image], name: str) -> None:
    if not hasattr(file, "write"):
        raise OutputError(f"a picture is written to a path or a file object, not to a {type(file).__name__}")
    content = encode(draw(), name)
    try:
        file.write(content)
    except TypeError:
        raise OutputError("the file object takes text, and a picture is bytes; open it with mode 'wb'") from None
    except (OSError, ValueError) as error:  # ValueError: the file is closed
        raise OutputError(f"cannot write to the file object: {error}") from error
