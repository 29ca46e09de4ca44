"""Writes the explainer model: the answers as they were, and the explanations by level (the artifact's contract).

What is emitted here is the same with and without gates; ``onnxcam_export.assemble.gates`` lays it out in branches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common_passes

from onnxcam import contract
from onnxcam_export.assemble.gates import Part, branch_by_level
from onnxcam_export.assemble.head_products import read_less
from onnxcam_export.differentiate.backprop import backprop
from onnxcam_export.differentiate.rules import GUIDED, PLAIN, Rule
from onnxcam_export.differentiate.target_rows import EXPLAINED
from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.steps import static_shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam_export.analyse.score import Score
    from onnxcam_export.graph.steps import Step


@dataclass(frozen=True, slots=True)
class Forward:
    """The prepared forward pass, and what is to be explained in it.

    Attributes:
        model: The model; assembling adds to it.
        steps: Its steps.
        image: What is differentiated at the input's end, [N, …]: the image input, or the Cast of one of integers.
        score: The class scores.
        layers: The target layers by name, each [N, K, h, w].
    """

    model: ir.Model
    steps: Sequence[Step]
    image: ir.Value
    score: Score
    layers: Mapping[str, ir.Value]


def assemble(forward: Forward, *, flat: bool = False, guided: Mapping[str, Rule] = GUIDED) -> None:
    """Adds the contract's inputs and outputs to the model, in place.

    Args:
        forward: What to explain.
        flat: Leave the gates out: everything is always computed, and there is no level input.
        guided: The rules of the gradient at the input.

    Raises:
        OperatorError: Operators without a rule stand in the way.
        ScoreError: The score does not depend on a layer.
    """
    graph = forward.model.graph
    dtype = forward.score.value.dtype or ir.DataType.FLOAT
    target = _input(graph, contract.TARGET_INPUT, np.asarray([-1], np.int64), ["targets"])
    parts = _parts(forward, target, guided)
    if flat:
        op = Builder(graph, dtype, "onnxcam")
        for part in parts:
            op.results |= part.emit(op)
        read_less(op)
        outputs = op.results
        graph.extend(op.all_nodes)
    else:
        level = _input(graph, contract.LEVEL_INPUT, np.asarray(0, np.int64), [])
        outputs = branch_by_level(forward.model, level, parts, dtype)
    _declare(graph, forward, outputs)
    common_passes.RemoveUnusedNodesPass()(forward.model)


def _parts(forward: Forward, target: ir.Value, guided: Mapping[str, Rule]) -> tuple[Part, Part, Part]:
    """What each level adds to the one below it."""
    score, layers, image = forward.score, forward.layers, forward.image

    def answers(op: Builder) -> dict[str, ir.Value]:
        scores = op.Reshape(score.value, [-1, score.classes])
        if score.value.dtype != ir.DataType.FLOAT:
            scores = op.Cast(scores, to=ir.DataType.FLOAT)
        return {contract.SCORES_OUTPUT: scores, contract.CLASS_INDEX_OUTPUT: resolve_targets(op, scores, target)}

    def gradients(op: Builder, sources: Sequence[ir.Value], rules: Mapping[str, Rule]) -> list[ir.Value]:
        seed = op.one_hot(op.results[contract.CLASS_INDEX_OUTPUT], score.classes)
        if static_shape(score.value) != (score.classes,):
            seed = op.reshape_rows(seed, static_shape(score.value))
        found = backprop(op, forward.steps, score.value, seed, sources, rules=rules)
        return [_as_float(op, found[source], source) for source in sources]

    def explain_layers(op: Builder) -> dict[str, ir.Value]:
        activations = [_as_float(op, value, value) for value in layers.values()]
        slopes = gradients(op, list(layers.values()), PLAIN)
        return {
            **{contract.ACTIVATIONS_PREFIX + name: value for name, value in zip(layers, activations, strict=True)},
            **{contract.GRADIENTS_PREFIX + name: value for name, value in zip(layers, slopes, strict=True)},
        }

    def explain_image(op: Builder) -> dict[str, ir.Value]:
        return {contract.GUIDED_OUTPUT: gradients(op, [image], guided)[0]}

    layer_shapes = {
        prefix + name: static_shape(value)
        for prefix in (contract.ACTIVATIONS_PREFIX, contract.GRADIENTS_PREFIX)
        for name, value in layers.items()
    }
    return (
        Part(answers),
        Part(explain_layers, layer_shapes),
        Part(explain_image, {contract.GUIDED_OUTPUT: static_shape(image)}),
    )


def _as_float(op: Builder, value: ir.Value, like: ir.Value) -> ir.Value:
    """The value, of the type of ``like``, as an output of its own in float32: what is added is, at every precision."""
    result: ir.Value = op.Identity(value) if like.dtype == ir.DataType.FLOAT else op.Cast(value, to=ir.DataType.FLOAT)
    return result


def resolve_targets(op: Builder, scores: ir.Value, target: ir.Value) -> ir.Value:
    """The class explained in each row: ranks (-1 is the top-scoring class) become indices.

    Args:
        op: Where the nodes go.
        scores: [N, C].
        target: int64 [T]; T = N, T = 1 or N = 1.

    Returns:
        int64 [M].
    """
    zero, one = np.asarray(0, np.int64), np.asarray(1, np.int64)
    rank = op.Max(op.Sub(np.asarray(-1, np.int64), target), zero)  # [T]
    depth = op.Add(op.ReduceMax(rank, keepdims=1), one)
    _, ranked = op.TopK(scores, depth, axis=1, outputs=2)  # [N, depth]
    begin = op.Range(zero, op.Size(ranked), op.Squeeze(depth, [0]))  # [N], where each image's ranking begins
    by_rank = op.Gather(op.Reshape(ranked, [-1]), op.Add(begin, rank))  # [M]
    result: ir.Value = op.Where(op.GreaterOrEqual(target, zero), target, by_rank)
    return result


def _input(graph: ir.Graph, name: str, default: np.ndarray, shape: Sequence[int | str]) -> ir.Value:
    """A graph input that a caller may leave out, because an initializer gives its default."""
    value = ir.Value(
        name=name,
        type=ir.TensorType(ir.DataType.INT64),
        shape=ir.Shape(shape),
        const_value=ir.tensor(default, name=name),
    )
    graph.inputs.append(value)
    graph.register_initializer(value)
    return value


def _declare(graph: ir.Graph, forward: Forward, outputs: Mapping[str, ir.Value]) -> None:
    """Names the added outputs and states their shapes; symbols tell apart what may differ in length."""
    batch = forward.image.shape[0] if forward.image.shape is not None else None
    shapes: dict[str, list[Any]] = {
        contract.SCORES_OUTPUT: [batch, forward.score.classes],
        contract.CLASS_INDEX_OUTPUT: [EXPLAINED],
        contract.GUIDED_OUTPUT: ["guided_rows", *static_shape(forward.image)],
    }
    for name, value in forward.layers.items():
        shapes[contract.ACTIVATIONS_PREFIX + name] = ["activation_rows", *static_shape(value)]
        shapes[contract.GRADIENTS_PREFIX + name] = ["gradient_rows", *static_shape(value)]
    for name, value in outputs.items():
        value.name = name
        value.shape = ir.Shape(shapes[name])
        value.type = ir.TensorType(ir.DataType.INT64 if name == contract.CLASS_INDEX_OUTPUT else ir.DataType.FLOAT)
        graph.outputs.append(value)
