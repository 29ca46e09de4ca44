"""Nodes and tensors to put into a model's bytes, as fields of its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam.artifact import wire
from onnxcam.artifact.onnx_fields import (
    GRAPH_INITIALIZER,
    GRAPH_NODE,
    NODE_INPUT,
    NODE_OPERATOR,
    NODE_OUTPUT,
    TENSOR_NAME,
    TENSOR_RAW_DATA,
    TENSOR_TYPE,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def node(operator: str, inputs: Sequence[str], output: str) -> bytes:
    """A node without attributes, of one output."""
    texts = (*((NODE_INPUT, name) for name in inputs), (NODE_OUTPUT, output), (NODE_OPERATOR, operator))
    return wire.field(GRAPH_NODE, b"".join(wire.field(number, text.encode()) for number, text in texts))


def scalar(name: str, kind: int, raw: bytes) -> bytes:
    """An initializer without axes.

    Args:
        name: Its name.
        kind: The number of its type in onnx.proto.
        raw: Its value, little-endian.
    """
    tensor = wire.number_field(TENSOR_TYPE, kind) + wire.field(TENSOR_NAME, name.encode())
    return wire.field(GRAPH_INITIALIZER, tensor + wire.field(TENSOR_RAW_DATA, raw))
