"""Lays the model out in branches, so that an explanation that is not asked for costs nothing.

::

    If level >= 2:  forward pass, answers, layers, image           (one graph, optimised as one)
    else:           forward pass, answers, If level >= 1: layers
    what writes maps or sequences of the scores

ONNX Runtime runs only the branch of an ``If`` that is taken. The forward pass stands in both branches, its weights in
the file once. A gate around the gradients alone would be smaller, but it costs all who do not open it: ONNX Runtime
computes convolutions in a blocked layout, and brings everything that a gate *could* read back into the plain layout at
every run (measured at level 0: 1.05 x the plain ResNet-50, 1.18 x DenseNet-121, 1.37 x MobileNetV2; with the forward
pass in both branches 1.00 x).

For the same reason the two levels change places where the layers' gradients read much of the forward pass (a layer
far from the score): ``If level >= 1: forward, answers, layers, If level >= 2: image; else: forward, answers``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam_export.assemble.head_products import read_less
from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.files import HELD
from onnxcam_export.graph.steps import is_constant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# Constants up to this size are copied into the branches, where ONNX Runtime's fusions look for them; larger ones are
# taken from the main graph, so that the file holds them once.
_COPIED_BYTES = 4096

# The share of the forward pass's activations that a closed gate may read.
_LIGHT = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """What one level adds.

    Attributes:
        emit: Emits it and returns its outputs by name; what was emitted before is in ``op.results``.
        shapes: The shape of each output without its rows, for the case that the level is not asked for.
    """

    emit: Callable[[Builder], dict[str, ir.Value]]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def branch_by_level(
    model: ir.Model, level: ir.Value, parts: tuple[Part, Part, Part], dtype: ir.DataType
) -> dict[str, ir.Value]:
    """Moves the forward pass into the branches of an ``If`` and adds the parts.

    What writes something else than tensors stays behind the ``If``, which cannot return it.

    Args:
        model: The forward pass; its graph keeps inputs, initializers and the names of its outputs.
        level: The level input.
        parts: The answers, the layers, the image.
        dtype: The type of the gradients.

    Returns:
        The added outputs by name.
    """
    answers, layers, image = parts
    graph = model.graph
    behind = _behind(graph)
    forward = [node for node in graph if node not in behind]
    if _share_read(forward, answers, layers, graph, dtype) <= _LIGHT:
        threshold = 2
        high = [(answers, _ALWAYS), (layers, _ALWAYS), (image, _ALWAYS)]
        low = [(answers, _ALWAYS), (layers, 1), (image, _NEVER)]
    else:
        threshold = 1
        high = [(answers, _ALWAYS), (layers, _ALWAYS), (image, 2)]
        low = [(answers, _ALWAYS), (layers, _NEVER), (image, _NEVER)]
    read = [*graph.outputs, *(value for node in behind for value in node.inputs if value is not None)]
    leaving = list(dict.fromkeys(value for value in read if value.producer() in forward))
    wanted = list(graph.outputs)
    graph.outputs.clear()  # no value can be an output of two graphs
    graph.remove([*forward, *behind])
    branches = []
    for name, plan in (("explain", high), ("answer", low)):
        op = Builder(graph, dtype, "onnxcam")
        for part, at in plan:
            op.results |= _from_level(op, level, at, part)
        read_less(op)
        outputs = [*leaving, *op.results.values()]
        branches.append(_branch(name, forward, op.all_nodes, outputs, graph))
    main = Builder(graph, dtype, "onnxcam")
    condition = main.GreaterOrEqual(level, np.asarray(threshold, np.int64))
    count = len(leaving) + len(op.results)
    values = main.If(condition, then_branch=branches[0], else_branch=branches[1], outputs=count)
    graph.extend([*main.all_nodes, *behind])
    _detach(forward)
    _take_over(graph, wanted, behind, dict(zip(leaving, values, strict=False)))
    return dict(zip(op.results, values[len(leaving) :], strict=True))


def _behind(nodes: Iterable[ir.Node]) -> list[ir.Node]:
    """The nodes, in order, that write maps or sequences, and those that read what these write."""
    behind: list[ir.Node] = []
    foreign: set[ir.Value | None] = set()
    for node in nodes:
        tensors = all(value.type is None or isinstance(value.type, ir.TensorType) for value in node.outputs)
        if not tensors or node.domain.startswith(HELD) or foreign.intersection(node.inputs):
            foreign.update(node.outputs)
            behind.append(node)
    return behind


def _take_over(
    graph: ir.Graph, outputs: Iterable[ir.Value], behind: Iterable[ir.Node], sources: Mapping[ir.Value, ir.Value]
) -> None:
    """Makes the outputs of the ``If`` what the outputs and the nodes of the main graph read, under the old names."""
    for old, new in sources.items():
        new.name, new.type, new.shape = old.name, old.type, old.shape
    for node in behind:
        for index, value in enumerate(node.inputs):
            if value is not None and value in sources:
                node.replace_input_with(index, sources[value])
    graph.outputs.extend(sources.get(output, output) for output in outputs)


_ALWAYS, _NEVER = 0, 3  # as the lowest level that asks for a part


def _from_level(op: Builder, level: ir.Value, at: int, part: Part) -> dict[str, ir.Value]:
    """What the part emits, at levels from ``at`` on; below it the same outputs with zero rows."""
    if at == _ALWAYS:
        return part.emit(op)
    if at == _NEVER:
        return _empty(op, part)
    taken, skipped = op.branch(f"from_{at}"), op.branch(f"below_{at}")
    results, empty = part.emit(taken), _empty(skipped, part)
    read_less(taken)
    values = op.If(
        op.GreaterOrEqual(level, np.asarray(at, np.int64)),
        then_branch=ir.Graph([], [results[name] for name in empty], nodes=taken.all_nodes, name=taken.prefix),
        else_branch=ir.Graph([], list(empty.values()), nodes=skipped.all_nodes, name=skipped.prefix),
        outputs=len(empty),
    )
    return dict(zip(empty, values if isinstance(values, list) else [values], strict=True))


def _empty(op: Builder, part: Part) -> dict[str, ir.Value]:
    return {
        name: op.Constant(value=ir.tensor(np.zeros((0, *shape), np.float32))) for name, shape in part.shapes.items()
    }


def _share_read(forward: Sequence[ir.Node], answers: Part, layers: Part, graph: ir.Graph, dtype: ir.DataType) -> float:
    """How much of the forward pass's activations the layers' part reads, as a share of their elements."""
    probe = Builder(graph, dtype, "probe")
    probe.results |= answers.emit(probe)
    before = len(probe.nodes)
    layers.emit(probe)
    sizes = {value: _elements(value) for node in forward for value in node.outputs}
    read = {value for node in probe.nodes[before:] for value in node.inputs if value in sizes}
    _detach(probe.all_nodes)
    if any(map(_is_signed_byte, read)):
        return 1.0  # on x86 ONNX Runtime gives up its integer kernels where anything else reads signed activations
    return sum(sizes[value] for value in read) / max(1, sum(sizes.values()))


def _is_signed_byte(value: ir.Value) -> bool:
    producer = value.producer()
    if producer is not None and producer.op_type == "DequantizeLinear" and producer.inputs[0] is not None:
        return producer.inputs[0].dtype == ir.DataType.INT8
    return value.dtype == ir.DataType.INT8


def _elements(value: ir.Value) -> int:
    return math.prod(dim for dim in value.shape or (0,) if isinstance(dim, int))


def _branch(
    name: str, forward: Sequence[ir.Node], emitted: Sequence[ir.Node], outputs: Sequence[ir.Value], main: ir.Graph
) -> ir.Graph:
    """A copy of the nodes as a graph with weights and names of its own."""
    scratch = ir.Graph([], outputs, nodes=[*forward, *emitted], name=name)
    branch = scratch.clone(allow_outer_scope_values=True)
    scratch.outputs.clear()
    scratch.remove([*forward, *emitted])
    _detach(emitted)
    _localise(branch, main)
    for node in ir.traversal.RecursiveGraphIterator(branch):
        node.name = f"{name}/{node.name}"
        for value in node.outputs:
            value.name = f"{name}/{value.name}"
    for node in list(branch)[: len(forward)]:
        for value in node.outputs:
            value.shape, value.type = None, None  # they would say again what can be inferred
    return branch


def _localise(branch: ir.Graph, main: ir.Graph) -> None:
    """Gives the branch its own initializers for what it reads of the main graph's.

    ONNX Runtime's blocked convolutions and its fusions take constants from their own graph only, those of quantised
    weights also where that is a gate inside the branch.
    """
    own: dict[tuple[ir.Graph, ir.Value], ir.Value] = {}
    for node in list(ir.traversal.RecursiveGraphIterator(branch)):
        for index, value in enumerate(node.inputs):
            if value is None or value.graph is not main or not is_constant(value) or value.const_value is None:
                continue
            if node.op_type == "Gather":
                continue  # reads a few rows, of any graph's
            light = value.const_value.nbytes <= _COPIED_BYTES or value.const_value.dtype.itemsize <= 1
            home = node.graph if light and isinstance(node.graph, ir.Graph) else branch
            if (home, value) not in own:
                prefix = branch.name if home is branch else f"{branch.name}/{home.name}"
                own[home, value] = _own(home, value, value.const_value, f"{prefix}/{value.name}")
            node.replace_input_with(index, own[home, value])


def _own(graph: ir.Graph, value: ir.Value, tensor: ir.TensorProtocol, name: str) -> ir.Value:
    """What equals the main graph's initializer in this graph.

    Small ones are copied. A large one is reshaped to the shape it has: that is computed when the model is loaded, and
    the file holds it once.
    """
    if tensor.nbytes <= _COPIED_BYTES:
        copy = ir.val(name, const_value=tensor)
        graph.register_initializer(copy)
        return copy
    shape = ir.tensor(np.asarray(tensor.shape.numpy(), np.int64), name=f"{name}/shape")
    constant = ir.val(f"{name}/shape", const_value=shape)
    graph.register_initializer(constant)
    node = ir.node("Reshape", [value, constant], name=f"{name}/own")
    node.outputs[0].name = f"{name}/own"
    graph.insert_before(graph[0], node)
    return node.outputs[0]


def _detach(nodes: Iterable[ir.Node]) -> None:
    """Ends the nodes' use of their inputs: they were copied, and are in no graph any more."""
    for node in nodes:
        for index in range(len(node.inputs)):
            node.replace_input_with(index, None)
