"""Writes models to disk, completely or not at all; weights that are too large for one protobuf go to external data."""

from __future__ import annotations

import contextlib
import importlib.metadata
from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam.errors import OutputError
from onnxcam.files import check_writable
from onnxcam.temporary import temporary_folder
from onnxcam_export.graph.non_tensor_outputs import HIDDEN_TYPES, restore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A protobuf message holds less than 2 GiB; 16 MiB are left for everything but the weights.
EXTERNAL_DATA_ABOVE = 2**31 - 2**24


def save(model: ir.Model, path: Path) -> int:
    """Writes a model; weights above ``EXTERNAL_DATA_ABOVE`` go into ``<path>.data`` beside it.

    Returns:
        The size on disk in bytes, external data included.
    """
    model.producer_name, model.producer_version = "onnxcam-export", importlib.metadata.version("onnxcam-export")
    data = path.with_name(f"{path.name}.data")
    external = weight_bytes(model) > EXTERNAL_DATA_ABOVE
    if not external:
        ir.external_data.load_to_model(model)  # the source may have had external data
    ir.save(model, path, external_data=data.name if external else None)
    if model.meta.get(HIDDEN_TYPES):
        restore(path, model.meta[HIDDEN_TYPES])
    return sum(int(file.stat().st_size) for file in (path, data) if file.exists())


def weight_bytes(model: ir.Model) -> int:
    """The bytes of all initializers."""
    tensors = (value.const_value for value in model.graph.initializers.values())
    return sum(int(tensor.nbytes) for tensor in tensors if tensor is not None)


def plain_bytes(model: ir.Model) -> int:
    """The approximate size of the model on disk, computed from its weights and nodes without writing it."""
    return weight_bytes(model) + sum(int(ir.to_proto(node).ByteSize()) for node in model.graph)


@contextlib.contextmanager
def written_at_once(path: Path) -> Iterator[Path]:
    """A path in a temporary folder; the files written there replace ``path`` if the block ends without an error.

    Raises:
        OutputError: The path does not end in .onnx, its folder does not exist or cannot be written, or it is not a
            regular file.
    """
    check_writable(path)
    if path.suffix.lower() != ".onnx":
        raise OutputError(f"cannot write {path}: an explainer model's name ends in .onnx")
    with temporary_folder(path.parent) as folder:
        yield folder / path.name
        for file in sorted(folder.iterdir(), reverse=True):  # the external data before the model that needs it
            file.replace(path.parent / file.name)
