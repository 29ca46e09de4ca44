"""Encodes pictures as PNG, JPEG or WebP, and writes them to a path or a file object."""

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
# The ending of a name that onnxcam chooses.
ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}

_SAVE_OPTIONS = {"JPEG": {"quality": 92}, "WEBP": {"quality": 90, "method": 2}}


def picture_format(path: Path) -> str:
    """The format of a path, by its ending.

    Args:
        path: The file to write.

    Returns:
        Pillow's name of the format.

    Raises:
        OutputError: The ending is not in ``FORMATS``.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise OutputError(f"cannot write {path}: the ending must be one of {', '.join(FORMATS)}") from None


def named_format(name: str | None) -> str:
    """The format of a name such as ``png`` or ``.PNG``.

    Args:
        name: The name; None if the caller gave none.

    Returns:
        Pillow's name of the format.

    Raises:
        OutputError: The name is missing or unknown.
    """
    known = ", ".join(ending.removeprefix(".") for ending in FORMATS)
    if name is None:
        raise OutputError(f"a file object has no ending that says what to write; give format=, one of {known}")
    try:
        return FORMATS["." + name.lower().removeprefix(".")]
    except KeyError:
        raise OutputError(f"there is no picture format {name!r}; it must be one of {known}") from None


def encode(image: Image.Image, name: str, source: str = "") -> bytes:
    """Encodes a picture, with the mark of ``onnxcam.signature``.

    Args:
        image: RGB.
        name: Pillow's name of the format.
        source: The fingerprint of the explained image.
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
        draw: Makes the picture; called only if the target can be written.
        name: The format; None is the one of the path's ending.
        source: The fingerprint of the explained image, see ``onnxcam.signature``.

    Returns:
        The path, or None for a file object.

    Raises:
        OutputError: The format is unknown, or the path or the file object cannot be written.
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
