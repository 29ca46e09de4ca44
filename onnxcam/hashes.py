"""SHA-256 of files and models, by which results are found again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.artifact.external_data import locations

if TYPE_CHECKING:
    from onnxcam.artifact.source import ModelSource


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, which may be larger than the memory.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_sha256(model: ModelSource) -> str:
    """The SHA-256 of a model's file, or of the hashes of that and of the files that hold its weights.

    Args:
        model: Its path, or its bytes, which have no other files.

    Raises:
        OSError: A file cannot be read.
        DamagedError: The file is no protobuf.
    """
    if isinstance(model, bytes):
        return hashlib.sha256(model).hexdigest()
    path = Path(model)
    content = path.read_bytes()
    outside = [file_sha256(path.parent / name) for name in sorted(set(locations(content)))]
    whole = hashlib.sha256(content).hexdigest()
    if not outside:
        return whole
    return hashlib.sha256(bytes.fromhex("".join((whole, *outside)))).hexdigest()
