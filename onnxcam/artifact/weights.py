"""The weights of a finished model, layer by layer from the scores backwards, and where they lie on the disk.

A layer is a convolution, a matrix product or a recurrent node on the way to the scores, with a weight that is stored in
the model. Large weights are stored once, and forward pass and gradient refer to them. A small one may have a copy in
each branch that uses it, so the copies belong to the weight: what changes all of them changes the whole model alike.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from onnxcam.artifact.graph import every_graph, main_graph, origins_of, read_graph
from onnxcam.artifact.wire import DamagedError
from onnxcam.contract import SCORES_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from onnxcam.artifact.graph import Graph, Node, Tensor

# The inputs that can be weights, by operator. Biases are left out.
_WEIGHTS = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "ConvInteger": (1,),
    "QLinearConv": (3,),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearMatMul": (0, 3),
    "LSTM": (1, 2),
    "GRU": (1, 2),
    "RNN": (1, 2),
}
# What may stand between a stored weight and its layer: the same elements in another shape, order or type.
_REARRANGING = {"Reshape", "Transpose", "Identity", "Cast", "Squeeze", "Unsqueeze", "Flatten", "DequantizeLinear"}
# The bytes of an element, by the number of its type in onnx.proto; elements of less than a byte stay in pairs.
_BYTES = {1: 4, 4: 2, 5: 2, 6: 4, 7: 8, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}


@dataclass(frozen=True, slots=True)
class Weight:
    """A stored weight.

    Attributes:
        name: Its name in the graph.
        location: The file that holds it beside the model; None is the model's own.
        start: The first of its bytes in that file.
        end: The end of them; None is the file's end.
        itemsize: The bytes of an element.
    """

    name: str
    location: str | None
    start: int
    end: int | None
    itemsize: int


@dataclass(frozen=True, slots=True)
class WeightedLayer:
    """A layer with its weights.

    Attributes:
        name: The name of its first weight.
        weights: The places of each weight: those of its copies.
    """

    name: str
    weights: tuple[tuple[Weight, ...], ...]


def weighted_layers(model: Path) -> list[WeightedLayer]:
    """The layers before the scores, the last first.

    Args:
        model: An explainer model.

    Returns:
        The layers. A weight that several layers share belongs to the last of them.

    Raises:
        DamagedError: The bytes are no explainer model, or a weight is not where it should be.
        OSError: The model or one of its files cannot be read.
    """
    data = model.read_bytes()
    graph = main_graph(data)
    value, scopes = _source(SCORES_OUTPUT, (graph,), data)
    layers = _layers(value, scopes)
    copies = _by_content(
        every_graph(data, graph), model, {_size(weight, model) for layer in layers for weight in layer}
    )
    return [
        WeightedLayer(layer[0].name, tuple(copies[_content(weight, model)] for weight in layer)) for layer in layers
    ]


def _source(value: str, scopes: tuple[Graph, ...], data: bytes) -> tuple[str, tuple[Graph, ...]]:
    """The value that a value is, in the first branch of each ``If`` that gives it, and the graphs around it."""
    for node in scopes[-1].nodes:
        if value not in node.outputs:
            continue
        if node.operator == "If":
            branch = read_graph(data, next(iter(node.graphs.values())))
            return _source(branch.outputs[node.outputs.index(value)], (*scopes, branch), data)
        return _source(node.inputs[0], scopes, data) if node.operator == "Identity" else (value, scopes)
    return _source(value, scopes[:-1], data) if len(scopes) > 1 else (value, scopes)


def _by_content(graphs: Iterable[Graph], model: Path, sizes: set[int]) -> dict[bytes, tuple[Weight, ...]]:
    """The places of all stored tensors of certain sizes, by their content."""
    found: dict[bytes, dict[tuple[str | None, int], Weight]] = defaultdict(dict)
    for graph in graphs:
        for tensor in graph.tensors.values():
            if tensor.data is not None or tensor.external:
                weight = _weight(tensor)
                if _size(weight, model) in sizes:
                    found[_content(weight, model)].setdefault((weight.location, weight.start), weight)
    return {content: tuple(places.values()) for content, places in found.items()}


def _size(weight: Weight, model: Path) -> int:
    path = model if weight.location is None else model.parent / weight.location
    size = path.stat().st_size
    end = size if weight.end is None else weight.end
    if not 0 <= weight.start <= end <= size:
        raise DamagedError
    return end - weight.start


def _content(weight: Weight, model: Path) -> bytes:
    with (model if weight.location is None else model.parent / weight.location).open("rb") as file:
        file.seek(weight.start)
        return sha256(file.read(_size(weight, model))).digest()


def _layers(value: str, scopes: tuple[Graph, ...]) -> list[tuple[Weight, ...]]:
    """The weights of each layer that a value comes from, those of the last node first."""
    nodes = [node for graph in scopes for node in graph.nodes]
    stored = {name: tensor for graph in scopes for name, tensor in graph.tensors.items()}
    origins = origins_of(nodes, _REARRANGING)
    needed, layers = {value}, []
    seen: set[Weight] = set()
    for node in reversed(nodes):  # each stands after those that it takes values from
        if needed.isdisjoint(node.outputs):
            continue
        needed.update(node.inputs)
        found = [_weight(tensor) for tensor in _stored_weights(node, origins, stored)]
        new = tuple(weight for weight in found if weight not in seen)
        seen.update(new)
        layers += [new] if new else []
    return layers


def _stored_weights(node: Node, origins: dict[str, str], stored: dict[str, Tensor]) -> Iterator[Tensor]:
    """The stored tensors that a node's weights are, or are rearrangements of."""
    for position in _WEIGHTS.get(node.operator, ()):
        for name in node.inputs[position : position + 1]:
            tensor = stored.get(origins.get(name, name))
            if tensor is not None and (tensor.data is not None or tensor.external):
                yield tensor


def _weight(tensor: Tensor) -> Weight:
    size = _BYTES.get(tensor.kind, 1)
    if tensor.data is not None:
        return Weight(tensor.name, None, *tensor.data, size)
    try:
        start = int(tensor.external.get("offset", "0"))
        length = int(tensor.external["length"]) if "length" in tensor.external else None
    except ValueError:
        raise DamagedError from None
    return Weight(tensor.name, tensor.external["location"], start, None if length is None else start + length, size)
