"""Places the model in the branches of an ``If``, so that a run computes only the level that it asks for.

::

    gate_image_only         If level >= 2:  forward pass, scores, layers, image      (one graph, optimised as one)
                            else:           forward pass, scores, If level >= 1: layers

    gate_all_explanations   If level >= 1:  forward pass, scores, layers, If level >= 2: image
                            else:           forward pass, scores

ONNX Runtime runs only one branch of an ``If``. The forward pass is in both branches, and its weights are in the file
once. A gate around the gradients alone would make a smaller graph, but it slows down every run: ONNX Runtime computes
convolutions in a blocked layout, and converts every value that a gate *could* read to the plain layout, also if the
gate is closed. Measured at level 0, such a gate takes 1.05 times the plain ResNet-50, 1.18 times DenseNet-121 and 1.37
times MobileNetV2; with the forward pass in both branches it takes 1.00 times. For the same reason, the inner gate of
``gate_image_only`` may read only a small part of the forward pass. This is so if the target layer is near the score.

The rest of the cost at level 0 is fixed. For MobileNetV2 on two threads (4.19 ms, plain 4.03) it was 0.02 ms for the
``If``, 0.04 for the gate of level 1, 0.06 for the ranks of the targets, and 0.03 for the added outputs. Ranks in
thirteen nodes instead of eighteen, and original outputs that are not copied, brought it from 1.06 times the plain model
to 1.03.

Nodes that write maps or sequences stay after the ``If``, which cannot return these types.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from onnxcam import contract
from onnxcam_export.assemble.branches import detach, make_branch
from onnxcam_export.assemble.head_products import share_head_products
from onnxcam_export.graph.non_tensor_outputs import HIDDEN_DOMAIN
from onnxcam_export.graph.steps import values_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.graph.builder import Builder

# Values of the parts by name. Those whose names are not of the contract are read by later parts, and are no outputs.
Values = dict[str, ir.Value]

# The largest share of the forward pass's elements that a closed gate may read.
_LIGHT = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """The outputs that one level adds.

    Attributes:
        emit: ``(op, values of earlier parts) -> its values``, by name.
        shapes: The shape of each output without its rows, for runs at a lower level.
    """

    emit: Callable[[Builder, Values], Values]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def nothing(cls) -> Part:
        """A part without outputs, of a level that an artifact does not have."""
        return cls(lambda _op, _earlier: {})


@dataclass(frozen=True, slots=True)
class Parts:
    """The three parts of an explainer model: the scores, the layers' gradients and the image's gradient."""

    scores: Part
    layers: Part
    image: Part


def branch_by_level(op: Builder, forward: Forward, level: ir.Value, parts: Parts) -> Values:
    """Moves the forward pass into the branches of an ``If`` and adds the parts.

    Args:
        op: The builder of the main graph.
        forward: The forward pass; its graph keeps inputs, initializers and the names of its outputs.
        level: The level input.
        parts: The scores, the layers, the image.

    Returns:
        The added outputs by name.
    """
    image_alone = parts.image.shapes and _share_between(forward) <= _LIGHT
    gate = gate_image_only if image_alone else gate_all_explanations
    threshold, explain, answer = gate(op, level, parts)
    return _gated(op, forward.model.graph, op.GreaterOrEqual(level, np.asarray(threshold, np.int64)), explain, answer)


def gate_image_only(op: Builder, level: ir.Value, parts: Parts) -> tuple[int, Emitted, Emitted]:
    """Level 2 has a branch of its own; the layers have a gate inside the other branch."""
    explain, answer = Emitted(op.branch()), Emitted(op.branch())
    explain.always(parts.scores, parts.layers, parts.image)
    answer.always(parts.scores)
    answer.from_level(1, level, parts.layers)
    answer.never(parts.image)
    return 2, explain, answer


def gate_all_explanations(op: Builder, level: ir.Value, parts: Parts) -> tuple[int, Emitted, Emitted]:
    """Levels 1 and 2 share a branch, in which the image has a gate; the other branch has the scores alone."""
    explain, answer = Emitted(op.branch()), Emitted(op.branch())
    explain.always(parts.scores, parts.layers)
    explain.from_level(2, level, parts.image)
    answer.always(parts.scores)
    answer.never(parts.layers, parts.image)
    return 1, explain, answer


class Emitted:
    """The nodes and values that are emitted into one branch after the forward pass."""

    def __init__(self, op: Builder) -> None:
        """Starts without values."""
        self.op = op
        self.values: Values = {}

    @property
    def outputs(self) -> Values:
        """The values that are outputs."""
        return outputs_of(self.values)

    def always(self, *parts: Part) -> None:
        """Emits parts without a gate."""
        for part in parts:
            self.values |= part.emit(self.op, self.values)

    def never(self, *parts: Part) -> None:
        """Emits the outputs of parts with zero rows."""
        for part in parts:
            self.values |= _empty(self.op, part)

    def from_level(self, lowest: int, level: ir.Value, part: Part) -> None:
        """Emits a part inside a gate; below the level ``lowest`` its outputs have zero rows."""
        if not part.shapes:
            return
        taken, skipped = self.op.branch(f"from_{lowest}"), self.op.branch(f"below_{lowest}")
        results, empty = part.emit(taken, self.values), _empty(skipped, part)
        share_head_products(taken)
        values = self.op.outputs(len(empty)).If(
            self.op.GreaterOrEqual(level, np.asarray(lowest, np.int64)),
            then_branch=ir.Graph([], [results[name] for name in empty], nodes=taken.all_nodes, name=taken.prefix),
            else_branch=ir.Graph([], list(empty.values()), nodes=skipped.all_nodes, name=skipped.prefix),
        )
        self.values |= dict(zip(empty, values, strict=True))


def outputs_of(values: Values) -> Values:
    """The values that are outputs of the contract."""
    return {name: value for name, value in values.items() if name.startswith(contract.PREFIX)}


def _empty(op: Builder, part: Part) -> Values:
    """The part's outputs with zero rows; OpenVINO reads a ``Constant`` without elements as a scalar."""
    return {name: op.ConstantOfShape([0, *shape]) for name, shape in part.shapes.items()}


def _gated(op: Builder, graph: ir.Graph, condition: ir.Value, explain: Emitted, answer: Emitted) -> Values:
    """Replaces the main graph's nodes by an ``If``, each branch of which has the forward pass and its emitted nodes."""
    after = _after_the_gate(graph)
    forward = [node for node in graph if node not in after]
    read = [*graph.outputs, *(value for node in after for value in node.inputs if value is not None)]
    leaving = list(dict.fromkeys(value for value in read if value.producer() in forward))
    wanted = list(graph.outputs)
    graph.outputs.clear()  # a value cannot be an output of two graphs
    graph.remove([*forward, *after])
    branches = []
    for name, emitted in (("explain", explain), ("answer", answer)):
        share_head_products(emitted.op)
        outputs = [*leaving, *emitted.outputs.values()]
        branches.append(make_branch(name, forward, emitted.op.all_nodes, outputs, graph))
    count = len(leaving) + len(explain.outputs)
    values = op.outputs(count).If(condition, then_branch=branches[0], else_branch=branches[1])
    graph.extend([*op.all_nodes, *after])
    detach(forward)
    _take_over(graph, wanted, after, dict(zip(leaving, values, strict=False)))
    return dict(zip(explain.outputs, values[len(leaving) :], strict=True))


def _after_the_gate(nodes: Iterable[ir.Node]) -> list[ir.Node]:
    """The nodes that write maps or sequences, and the nodes that depend on these, in order."""
    after: list[ir.Node] = []
    written: set[ir.Value | None] = set()
    for node in nodes:
        tensors = all(value.type is None or isinstance(value.type, ir.TensorType) for value in node.outputs)
        if not tensors or node.domain.startswith(HIDDEN_DOMAIN) or written.intersection(node.inputs):
            written.update(node.outputs)
            after.append(node)
    return after


def _take_over(
    graph: ir.Graph, outputs: Iterable[ir.Value], after: Iterable[ir.Node], sources: Mapping[ir.Value, ir.Value]
) -> None:
    """Connects the outputs of the ``If``, by their old names, to the main graph's outputs and remaining nodes."""
    for old, new in sources.items():
        new.name, new.type, new.shape = old.name, old.type, old.shape
    for node in after:
        for index, value in enumerate(node.inputs):
            if value is not None and value in sources:
                node.replace_input_with(index, sources[value])
    graph.outputs.extend(sources.get(output, output) for output in outputs)


def _share_between(forward: Forward) -> float:
    """The share of the forward pass's elements between the target layers and the score, which level 1 may read.

    It is 1 if one of these values is of signed bytes: on x86, ONNX Runtime does not use its integer kernels if another
    node reads signed activations.
    """
    sizes = {value: _elements(value) for node in forward.model.graph for value in node.outputs}
    between = values_between(forward.steps, forward.score.value, list(forward.layers.values())) & sizes.keys()
    if any(map(_is_signed_byte, between)):
        return 1.0
    return sum(sizes[value] for value in between) / max(1, sum(sizes.values()))


def _is_signed_byte(value: ir.Value) -> bool:
    producer = value.producer()
    if producer is not None and producer.op_type == "DequantizeLinear" and producer.inputs[0] is not None:
        return producer.inputs[0].dtype == ir.DataType.INT8
    return value.dtype == ir.DataType.INT8


def _elements(value: ir.Value) -> int:
    return math.prod(dim for dim in value.shape or (0,) if isinstance(dim, int))
