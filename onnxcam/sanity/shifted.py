"""A copy of a model that takes a constant away from its input first (Kindermans et al., https://arxiv.org/abs/1711.00867).

Fed with the constant added, it computes what the original computes, so that an explanation should be the same. The
paper changes the first layer's bias, which is exact only without padding; a subtraction before the model is exact.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from onnxcam.artifact import wire
from onnxcam.artifact.adapt import metadata_of, restated
from onnxcam.artifact.emit import node, scalar
from onnxcam.artifact.onnx_fields import (
    GRAPH_INPUT,
    MODEL_GRAPH,
    VALUE_NAME,
)

if TYPE_CHECKING:
    from onnxcam.metadata import Metadata

# Of the model's input; in normalised pixels a grey level's standard deviation.
SHIFT: Final = 1.0

_INPUT, _CONSTANT = "onnxcam.shifted", "onnxcam.shift"
_TYPES = {"float32": 1, "float16": 10, "float64": 11}


def can_be_shifted(metadata: Metadata) -> bool:
    """Whether the input is of a type that holds any sum."""
    return metadata.image.dtype in _TYPES


def shifted(data: bytes) -> bytes:
    """Puts a subtraction of ``SHIFT`` before a model.

    Args:
        data: The bytes of an explainer model, whose input ``can_be_shifted``.

    Returns:
        The bytes of the copy. Its image input has another name, in its metadata too.

    Raises:
        ModelError: It is no explainer model.
        DamagedError: The bytes are no protobuf.
    """
    metadata = metadata_of(data)
    parts = []
    for number, kind, first, start, end in wire.spans(data, 0, len(data)):
        is_graph = number == MODEL_GRAPH and kind == wire.LENGTH
        parts.append(wire.field(number, _graph(data, start, end, metadata)) if is_graph else data[first:end])
    return restated(b"".join(parts), replace(metadata, image=replace(metadata.image, name=_INPUT)))


def _graph(data: bytes, start: int, end: int, metadata: Metadata) -> bytes:
    image = metadata.image
    name = image.name.encode()
    parts = [
        node("Sub", [_INPUT, _CONSTANT], image.name),
        scalar(_CONSTANT, _TYPES[image.dtype], np.array(SHIFT, image.dtype).tobytes()),
    ]
    for number, kind, first, begin, stop in wire.spans(data, start, end):
        entry = data[begin:stop]
        renames = number == GRAPH_INPUT and kind == wire.LENGTH and wire.field(VALUE_NAME, name) in entry
        if renames and (VALUE_NAME, name) in [(key, entry[a:b]) for key, a, b in wire.fields(entry, 0, len(entry))]:
            parts.append(wire.field(GRAPH_INPUT, _renamed(entry)))
        else:
            parts.append(data[first:stop])
    return b"".join(parts)


def _renamed(entry: bytes) -> bytes:
    others = (entry[first:end] for key, _, first, _, end in wire.spans(entry, 0, len(entry)) if key != VALUE_NAME)
    return wire.field(VALUE_NAME, _INPUT.encode()) + b"".join(others)
