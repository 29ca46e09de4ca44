"""The graph in a model's bytes: nodes, the graphs inside them, and tensors with the position of their data.

Nothing is copied but names, so reading a large model is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnxcam.artifact import wire
from onnxcam.artifact.onnx_fields import (
    ATTRIBUTE_GRAPH,
    ATTRIBUTE_NAME,
    GRAPH_INITIALIZER,
    GRAPH_NODE,
    GRAPH_OUTPUT,
    INT64,
    KEY,
    MODEL_GRAPH,
    NODE_ATTRIBUTE,
    NODE_INPUT,
    NODE_OPERATOR,
    NODE_OUTPUT,
    TENSOR_EXTERNAL,
    TENSOR_FLOATS,
    TENSOR_INT64S,
    TENSOR_NAME,
    TENSOR_RAW_DATA,
    TENSOR_TYPE,
    VALUE,
    VALUE_NAME,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

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
        graphs: The position of the graph in an attribute, such as a branch of an ``If``, by the attribute's name.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    graphs: dict[str, Span]


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


def every_graph(data: wire.Data, graph: Graph) -> Iterator[Graph]:
    """A graph of a model, and the graphs inside its nodes."""
    yield graph
    for node in graph.nodes:
        for span in node.graphs.values():
            yield from every_graph(data, read_graph(data, span))


def origins_of(nodes: Iterable[Node], rearranging: Collection[str]) -> dict[str, str]:
    """The value that another is a rearrangement of, by the name of the other.

    Args:
        nodes: Each after those that it takes values from.
        rearranging: The operators whose output has the elements of their first input.
    """
    origins: dict[str, str] = {}
    for node in nodes:
        if node.operator in rearranging and node.inputs:
            origin = origins.get(node.inputs[0], node.inputs[0])
            origins.update(dict.fromkeys(node.outputs, origin))
    return origins


def main_graph(data: wire.Data) -> Graph:
    """Reads the graph of a model.

    Args:
        data: The bytes of an ONNX file.

    Raises:
        DamagedError: They are no protobuf, or hold no graph.
    """
    for number, start, end in wire.fields(data, 0, len(data)):
        if number == MODEL_GRAPH:
            return read_graph(data, (start, end))
    raise wire.DamagedError


def read_graph(data: wire.Data, span: Span) -> Graph:
    """Reads a graph at its position in a model's bytes, without the graphs inside its nodes.

    Raises:
        DamagedError: It is no graph.
    """
    nodes, tensors, outputs = [], {}, []
    for number, begin, stop in wire.fields(data, *span):
        if number == GRAPH_NODE:
            nodes.append(read_node(data, begin, stop))
        elif number == GRAPH_INITIALIZER:
            tensor = read_tensor(data, begin, stop)
            tensors[tensor.name] = tensor
        elif number == GRAPH_OUTPUT:
            outputs.append(read_name(data, begin, stop, VALUE_NAME))
    return Graph(tuple(nodes), tensors, tuple(outputs))


def read_node(data: wire.Data, start: int, end: int) -> Node:
    """Reads a node.

    Raises:
        DamagedError: It is no node.
    """
    operator, inputs, outputs = "", [], []
    graphs: dict[str, Span] = {}
    for number, begin, stop in wire.fields(data, start, end):
        if number == NODE_INPUT:
            inputs.append(_text(data, begin, stop))
        elif number == NODE_OUTPUT:
            outputs.append(_text(data, begin, stop))
        elif number == NODE_OPERATOR:
            operator = _text(data, begin, stop)
        elif number == NODE_ATTRIBUTE:
            graphs |= _graphs(data, begin, stop)
    return Node(operator, tuple(inputs), tuple(outputs), graphs)


def read_tensor(data: wire.Data, start: int, end: int) -> Tensor:
    """Reads where a tensor's elements are.

    Raises:
        DamagedError: It is no tensor.
    """
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


def read_whole_number(data: wire.Data, start: int, end: int) -> tuple[str, int] | None:
    """The name and the value of a tensor of one int64; None for any other tensor.

    Raises:
        DamagedError: It is no tensor.
    """
    name, kind, value = "", 0, None
    for number, wire_type, first, begin, stop in wire.spans(data, start, end):
        if number == TENSOR_TYPE:
            kind = wire.number(data, first, end)
        elif number == TENSOR_NAME:
            name = _text(data, begin, stop)
        elif number == TENSOR_RAW_DATA and stop - begin == 8:
            value = int.from_bytes(data[begin:stop], "little", signed=True)
        elif number == TENSOR_INT64S and wire_type == wire.LENGTH:
            value = wire.whole_number(data, begin, stop)
    return (name, value) if kind == INT64 and value is not None else None


def read_name(data: wire.Data, start: int, end: int, number: int) -> str:
    """The text of a message's field, such as a name; empty if there is none.

    Raises:
        DamagedError: It is no message.
    """
    found = [(begin, stop) for key, begin, stop in wire.fields(data, start, end) if key == number]
    return _text(data, *found[-1]) if found else ""


def _graphs(data: wire.Data, start: int, end: int) -> dict[str, Span]:
    """The graph of an attribute, by the attribute's name; nothing if it holds none."""
    found = [(begin, stop) for number, begin, stop in wire.fields(data, start, end) if number == ATTRIBUTE_GRAPH]
    return {read_name(data, start, end, ATTRIBUTE_NAME): found[-1]} if found else {}


def _text(data: wire.Data, start: int, end: int) -> str:
    return bytes(data[start:end]).decode("utf-8", "replace")
