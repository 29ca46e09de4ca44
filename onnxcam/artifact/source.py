"""A model as the caller gives it: a path, or the file's bytes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from onnxcam.errors import ModelError

ModelSource = str | os.PathLike[str] | bytes


def readable(model: ModelSource) -> str | bytes:
    """Checks that there is a file to read, so that the error is a readable sentence.

    Args:
        model: A path or bytes.

    Returns:
        The path as text, or the bytes.

    Raises:
        ModelError: It is neither, or empty; or the file is missing, cannot be read, or is not a regular file.
    """
    if isinstance(model, (bytes, bytearray, memoryview)):
        if not model:
            raise ModelError("the model is empty")
        return bytes(model)
    if not isinstance(model, (str, os.PathLike)):
        raise ModelError(f"a model is given by its path or as the file's bytes, not as {type(model).__name__}")
    path = Path(model)
    _check_file(path)
    return str(path)


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ModelError(f"{path} is a folder, not an ONNX model")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
            raise ModelError(f"{path} is a device or a pipe, not an ONNX model; save the model to a file first")
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise ModelError(f"there is no model {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = error.strerror if isinstance(error, OSError) else None
        raise ModelError(f"cannot read the model {path}: {reason or error}") from error
    if status.st_size == 0:
        raise ModelError(f"the model {path} is empty")
