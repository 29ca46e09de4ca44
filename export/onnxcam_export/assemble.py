"""Writes the explainer model: the forward pass as it was, and the gradients behind gates (the contract's artifact).

::

    inputs ──► forward pass, untouched ──► original outputs
                   │        └─► onnxcam.scores ──► onnxcam.class_index (ranks resolved)
                   │                                   │ one-hot
                   ├─► If level >= 1: activations, true gradients
                   └─► If level >= 2: guided gradient at the image

ONNX Runtime runs only the branch of an ``If`` that is taken, so an explanation that is not asked for costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common_passes

from onnxcam import metadata as names
from onnxcam_export.builder import Builder
from onnxcam_export.differentiate import backprop
from onnxcam_export.rules import GUIDED, PLAIN, Rule
from onnxcam_export.steps import Step, static_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from onnxcam_export.score import Score


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
    op = Builder(graph, dtype, "onnxcam")
    target = _input(graph, names.TARGET_INPUT, np.asarray([-1], np.int64), ["targets"])
    scores = op.Identity(op.Reshape(forward.score.value, [-1, forward.score.classes]))
    class_index = resolve_targets(op, scores, target)
    seed = op.reshape_rows(op.one_hot(class_index, forward.score.classes), static_shape(forward.score.value))

    def explain_layers(op: Builder) -> dict[str, ir.Value]:
        values = list(forward.layers.values())
        gradients = backprop(op, forward.steps, forward.score.value, seed, values, rules=PLAIN)
        return {
            **{names.ACTIVATIONS_PREFIX + name: op.Identity(value) for name, value in forward.layers.items()},
            **{names.GRADIENTS_PREFIX + name: op.Identity(gradients[value]) for name, value in forward.layers.items()},
        }

    def explain_image(op: Builder) -> dict[str, ir.Value]:
        gradients = backprop(op, forward.steps, forward.score.value, seed, [forward.image], rules=guided)
        return {names.GUIDED_OUTPUT: op.Identity(gradients[forward.image])}

    shapes = {prefix + name: static_shape(value) for name, value in forward.layers.items() for prefix in _PREFIXES}
    shapes[names.GUIDED_OUTPUT] = static_shape(forward.image)
    outputs = {names.SCORES_OUTPUT: scores, names.CLASS_INDEX_OUTPUT: class_index}
    if flat:
        outputs |= explain_layers(op) | explain_image(op)
    else:
        level = _input(graph, names.LEVEL_INPUT, np.asarray(0, np.int64), [])
        outputs |= _gate(op, "layers", op.GreaterOrEqual(level, np.asarray(1, np.int64)), explain_layers, shapes)
        outputs |= _gate(op, "image", op.GreaterOrEqual(level, np.asarray(2, np.int64)), explain_image, shapes)
    graph.extend([*op.once.nodes, *op.nodes])
    _declare(forward, outputs, shapes, dtype)
    common_passes.RemoveUnusedNodesPass()(forward.model)


_PREFIXES = (names.ACTIVATIONS_PREFIX, names.GRADIENTS_PREFIX)


def resolve_targets(op: Builder, scores: ir.Value, target: ir.Value) -> ir.Value:
    """The class explained in each row: ranks (-1 is the top-scoring class) become indices.

    Args:
        op: Where the nodes go.
        scores: [N, C].
        target: int64 [T]; T = N, T = 1 or N = 1.

    Returns:
        int64 [M].
    """
    rank = op.Max(op.Sub(np.asarray(-1, np.int64), target), np.asarray(0, np.int64))
    deepest = op.Add(op.ReduceMax(rank, keepdims=1), np.asarray(1, np.int64))
    _, ranked = op.TopK(scores, deepest, axis=1, outputs=2)
    count = op.Shape(scores, start=0, end=1)
    row = op.Range(np.asarray(0, np.int64), op.Squeeze(count, [0]), np.asarray(1, np.int64))
    none = np.asarray(0, np.int64)
    row, rank = op.Add(row, op.Mul(rank, none)), op.Add(rank, op.Mul(row, none))  # both [M]
    by_rank = op.GatherND(ranked, op.Concat(op.Unsqueeze(row, [1]), op.Unsqueeze(rank, [1]), axis=1))
    result: ir.Value = op.Where(op.GreaterOrEqual(target, none), target, by_rank)
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


def _gate(
    op: Builder,
    name: str,
    condition: ir.Value,
    explain: Callable[[Builder], dict[str, ir.Value]],
    shapes: Mapping[str, tuple[int, ...]],
) -> dict[str, ir.Value]:
    """``If condition``: what ``explain`` emits; otherwise tensors of the same kind with zero rows."""
    taken = op.branch(name)
    results = explain(taken)
    skipped = op.branch(f"no_{name}")
    empty = [skipped.Constant(value=ir.tensor(np.zeros((0, *shapes[output]), op.dtype.numpy()))) for output in results]
    branches = [
        ir.Graph([], list(outputs), nodes=builder.nodes, name=builder.prefix)
        for builder, outputs in ((taken, results.values()), (skipped, empty))
    ]
    for branch in branches:
        for value, output in zip(branch.outputs, results, strict=True):
            value.type = ir.TensorType(op.dtype)
            value.shape = ir.Shape([None, *shapes[output]])
        common_passes.RemoveUnusedNodesPass()
    gate = op.If(condition, then_branch=branches[0], else_branch=branches[1], outputs=len(results))
    values = gate if isinstance(gate, list) else [gate]
    return dict(zip(results, values, strict=True))


def _declare(
    forward: Forward, outputs: Mapping[str, ir.Value], shapes: Mapping[str, tuple[int, ...]], dtype: ir.DataType
) -> None:
    """Names the added outputs and states their shapes; symbols tell apart what may differ in length."""
    batch = forward.image.shape[0] if forward.image.shape is not None else None
    for name, value in outputs.items():
        value.name = name
        if name == names.SCORES_OUTPUT:
            value.shape, value.type = ir.Shape([batch, forward.score.classes]), ir.TensorType(dtype)
        elif name == names.CLASS_INDEX_OUTPUT:
            value.shape, value.type = ir.Shape(["explained"]), ir.TensorType(ir.DataType.INT64)
        else:
            rows = "activation_rows" if name.startswith(names.ACTIVATIONS_PREFIX) else "gradient_rows"
            rows = "guided_rows" if name == names.GUIDED_OUTPUT else rows
            value.shape, value.type = ir.Shape([rows, *shapes[name]]), ir.TensorType(dtype)
        forward.model.graph.outputs.append(value)
