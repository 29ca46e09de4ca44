"""Keeps the external data of a model inside the model's folder.

An ONNX file may keep tensors in other files and names them. ONNX Runtime before 1.24 opens whatever is named, ``../x``
or ``/etc/passwd``, and what is in there can come out as scores. So the names are read here first, from the file's own
bytes: https://protobuf.dev/programming-guides/encoding and onnx.proto say how they lie in it.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.artifact.wire import DamagedError, Data, fields
from onnxcam.errors import ModelError
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where tensors can be in a model: message -> {number of the field: message that is in it}.
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
_KEY, _VALUE = 1, 2
_LOCATION = b"location"

_DEEPEST = 100  # protobuf itself reads no message that is nested deeper

_ORT_FORMAT = b"ORTM"  # from the fifth byte on
# What ONNX Runtime itself writes where a tensor is in memory; in a file, the address would be the file's to choose.
_IN_MEMORY = "_ORT_MEM_ADDR_"


def refuse_foreign_data(model: str | bytes, name: str) -> None:
    """Refuses a model whose external data are not in the folder that it is in, or below.

    Args:
        model: The path, or the bytes of a model, which is in no folder and so can have no external data.
        name: What to call it in errors.

    ONNX Runtime's own format, ``.ort``, keeps no tensors elsewhere and is not looked at.

    Raises:
        ModelError: A location is absolute, leads upwards or through a link to elsewhere; or the file is no protobuf.
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
            f"{name} is not a model that ONNX Runtime can load: it is no ONNX file, or is damaged"
        ) from None
    except (OSError, ValueError, RuntimeError) as error:  # a link in a circle; a name with NUL, or too long
        raise ModelError(
            f"the files that {name} keeps its tensors in cannot be found: {shortened(str(error))}"
        ) from error


def locations(data: Data) -> Iterator[str]:
    """The names of the files that a model's tensors are in, wherever in the model the tensors are."""
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
        # Hardly a node has an external tensor, and looking for the word is quicker than reading it.
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
    """Whether a location stays in the model's folder, links followed."""
    parts = re.split(r"[/\\]", location)
    if _IN_MEMORY in location or ".." in parts or not parts[0] or re.match("[A-Za-z]:", location):
        return False
    goal = (model.parent / location).resolve()
    if goal.is_symlink():  # a circle of links, which older versions of Python raise for
        return False
    # Where the model itself is a link, as in a cache of downloads, its data are links to the same place.
    return any(goal.is_relative_to(folder) for folder in (model.parent.resolve(), model.resolve().parent))


def _location(data: Data, start: int, end: int) -> Iterator[str]:
    """The value of an entry whose key is ``location``; of a field given twice, each counts."""
    entry = [(number, bytes(data[a:b])) for number, a, b in fields(data, start, end)]
    if (_KEY, _LOCATION) in entry:
        yield from (value.decode("utf-8", "surrogateescape") for number, value in entry if number == _VALUE)
