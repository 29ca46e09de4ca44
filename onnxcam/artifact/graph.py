"""The graph in a model's bytes: nodes, the graphs inside them, and tensors with the position of their data.

Nothing is copied but names, so reading a large model is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnxcam.artifact import wire
from onnxcam.artifact.onnx_fields import (
    ATTRIBUTE_GRAPH,
    GRAPH_INITIALIZER,
    GRAPH_NODE,
    GRAPH_OUTPUT,
    KEY,
    MODEL_GRAPH,
    NODE_ATTRIBUTE,
    NODE_INPUT,
    NODE_OPERATOR,
    NODE_OUTPUT,
    TENSOR_EXTERNAL,
    TENSOR_FLOATS,
    TENSOR_NAME,
    TENSOR_RAW_DATA,
    TENSOR_TYPE,
    VALUE,
    VALUE_NAME,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that is stored in the model.

    Attributes:
        name: Its name.
        kind: The number of its type in onnx.proto.
        data: The position of its elements in the model's bytes; None if they are elsewhere, or written in another way.
        external: The location, offset and length of its elements in another file, as texts by their key.
    """

    name: str
    kind: int
    data: Span | None
    external: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Node:
    """A node.

    Attributes:
        operator: Its operator's name.
        inputs: The names of its inputs.
        outputs: The names of its outputs.
        graphs: The graphs in its attributes, such as the branches of an ``If``.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    graphs: tuple[Graph, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph.

    Attributes:
        nodes: Its nodes, each after those that it takes values from.
        tensors: Its initializers, by name.
        outputs: The names of its outputs.
    """

    nodes: tuple[Node, ...]
    tensors: dict[str, Tensor]
    outputs: tuple[str, ...]


def every_graph(graph: Graph) -> Iterator[Graph]:
    """A graph, and the graphs inside its nodes."""
    yield graph
    for node in graph.nodes:
        for inner in node.graphs:
            yield from every_graph(inner)


def read_graph(data: wire.Data) -> Graph:
    """Reads the graph of a model.

    Args:
        data: The bytes of an ONNX file.

    Raises:
        DamagedError: They are no protobuf, or hold no graph.
    """
    for number, start, end in wire.fields(data, 0, len(data)):
        if number == MODEL_GRAPH:
            return _graph(data, start, end)
    raise wire.DamagedError


def _graph(data: wire.Data, start: int, end: int) -> Graph:
    nodes, tensors, outputs = [], {}, []
    for number, begin, stop in wire.fields(data, start, end):
        if number == GRAPH_NODE:
            nodes.append(_node(data, begin, stop))
        elif number == GRAPH_INITIALIZER:
            tensor = _tensor(data, begin, stop)
            tensors[tensor.name] = tensor
        elif number == GRAPH_OUTPUT:
            outputs += _texts(data, begin, stop, VALUE_NAME)
    return Graph(tuple(nodes), tensors, tuple(outputs))


def _node(data: wire.Data, start: int, end: int) -> Node:
    graphs = [
        _graph(data, *inner)
        for number, a, b in wire.fields(data, start, end)
        if number == NODE_ATTRIBUTE
        for key, *inner in wire.fields(data, a, b)
        if key == ATTRIBUTE_GRAPH
    ]
    operator = "".join(_texts(data, start, end, NODE_OPERATOR))
    inputs, outputs = (tuple(_texts(data, start, end, number)) for number in (NODE_INPUT, NODE_OUTPUT))
    return Node(operator, inputs, outputs, tuple(graphs))


def _tensor(data: wire.Data, start: int, end: int) -> Tensor:
    name, kind, span, external = "", 0, None, {}
    for number, wire_type, first, begin, stop in wire.spans(data, start, end):
        if number == TENSOR_TYPE:
            kind = wire.number(data, first, end)
        elif number == TENSOR_NAME:
            name = _text(data, begin, stop)
        elif number in {TENSOR_RAW_DATA, TENSOR_FLOATS} and wire_type == wire.LENGTH:
            span = (begin, stop)
        elif number == TENSOR_EXTERNAL:
            entry = {key: _text(data, a, b) for key, a, b in wire.fields(data, begin, stop)}
            external[entry.get(KEY, "")] = entry.get(VALUE, "")
    return Tensor(name, kind, span, external)


def _texts(data: wire.Data, start: int, end: int, wanted: int) -> list[str]:
    return [_text(data, a, b) for number, a, b in wire.fields(data, start, end) if number == wanted]


def _text(data: wire.Data, start: int, end: int) -> str:
    return bytes(data[start:end]).decode("utf-8", "replace")
