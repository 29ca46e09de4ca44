"""Keeps the external data of a model inside the model's folder.

An ONNX file may keep tensors in other files and name these. ONNX Runtime before 1.24 opens any file that is named, such
as ``../x`` or ``/etc/passwd``, and its content can come out as scores. So the names are read here first, from the
model's own bytes; their format is in https://protobuf.dev/programming-guides/encoding and onnx.proto.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.artifact.onnx_fields import KEY, VALUE
from onnxcam.artifact.wire import DamagedError, Data, fields
from onnxcam.errors import ModelError
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

# The messages that can contain tensors: message -> {number of the field: message in it}.
MESSAGES = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {13: "StringStringEntryProto"},
}
_LOCATION = b"location"

_DEEPEST = 100  # protobuf itself refuses deeper nesting

_ORT_FORMAT = b"ORTM"  # from the fifth byte on
# ONNX Runtime's own mark of a tensor in memory; a file could choose the address.
_IN_MEMORY = "_ORT_MEM_ADDR_"


def refuse_foreign_data(model: str | bytes, name: str) -> None:
    """Refuses a model whose external data lie outside the model's folder.

    ONNX Runtime's own format, ``.ort``, has no external data and is not checked.

    Args:
        model: The path, or the bytes of a model. Bytes have no folder, so they may have no external data.
        name: The name for error messages.

    Raises:
        ModelError: A location is absolute, leads upwards or through a link to elsewhere; or the file is not protobuf.
    """
    try:
        if isinstance(model, bytes):
            if model[4:8] != _ORT_FORMAT:
                _refuse(model, None, name)
            return
        if Path(model).suffix == ".ort":
            return
        with Path(model).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _refuse(data, Path(model), name)
    except DamagedError:
        raise ModelError(
            f"{name} is not a model that ONNX Runtime can load: it is not an ONNX file, or is damaged"
        ) from None
    except (OSError, ValueError, RuntimeError) as error:  # a link in a circle; a name with NUL, or too long
        raise ModelError(
            f"the files that {name} keeps its tensors in cannot be found: {shortened(str(error))}"
        ) from error


def locations(data: Data) -> Iterator[str]:
    """The locations of all external tensors in a model."""
    opened = [("ModelProto", fields(data, 0, len(data)))]
    while opened:
        outer, inner = opened[-1]
        found = next(((MESSAGES[outer][number], a, b) for number, a, b in inner if number in MESSAGES[outer]), None)
        if found is None:
            opened.pop()
            continue
        message, start, end = found
        if message == "StringStringEntryProto":
            yield from _location(data, start, end)
        # Few nodes have an external tensor, and searching for the word is faster than reading the node.
        elif message != "NodeProto" or data.find(_LOCATION, start, end) >= 0:
            opened.append((message, fields(data, start, end)))
            if len(opened) > _DEEPEST:
                raise DamagedError


def _refuse(data: Data, model: Path | None, name: str) -> None:
    for location in locations(data):
        if model is None:
            raise ModelError(f"{name} has external data, which a model given as bytes cannot; open it from its path")
        if not _is_inside(location, model):
            raise ModelError(
                f"{name} keeps a tensor in {shortened(location)!r}, which is not in the model's folder; external data "
                "must lie beside the model"
            )


def _is_inside(location: str, model: Path) -> bool:
    """Whether a location, with links followed, is in the model's folder."""
    parts = re.split(r"[/\\]", location)
    if _IN_MEMORY in location or ".." in parts or not parts[0] or re.match("[A-Za-z]:", location):
        return False
    goal = (model.parent / location).resolve()
    if goal.is_symlink():  # a circle of links, which older versions of Python raise for
        return False
    # If the model itself is a link, as in a cache of downloads, its data are links to the same folder.
    return any(goal.is_relative_to(folder) for folder in (model.parent.resolve(), model.resolve().parent))


def _location(data: Data, start: int, end: int) -> Iterator[str]:
    """The value of an entry whose key is ``location``; if a field is given twice, each value."""
    entry = [(number, bytes(data[a:b])) for number, a, b in fields(data, start, end)]
    if (KEY, _LOCATION) in entry:
        yield from (value.decode("utf-8", "surrogateescape") for number, value in entry if number == VALUE)
