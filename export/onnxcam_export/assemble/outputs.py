"""Adds the inputs and outputs of the artifact's contract to the model; the original outputs stay.

The emitted nodes are the same with and without gates. ``onnxcam_export.assemble.gates`` places them in branches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from onnxcam import contract
from onnxcam_export.assemble.gates import Part, Parts, Values, branch_by_level
from onnxcam_export.assemble.head_products import share_head_products
from onnxcam_export.assemble.tidy import tidy
from onnxcam_export.differentiate.backprop import backprop
from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.differentiate.target_rows import EXPLAINED
from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.expressions import one_hot, reshape_rows
from onnxcam_export.graph.steps import static_shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.differentiate.tables import InputGradient, Table
    from onnxcam_export.graph.view import View


def assemble(forward: Forward, input_gradient: InputGradient, *, flat: bool = False, rules: Table = PLAIN) -> None:
    """Adds the contract's inputs and outputs to the model, in place.

    Args:
        forward: The forward pass with its score and target layers.
        input_gradient: The gradient at the input, with its rules.
        flat: Whether to leave the gates out: everything is always computed, and there is no level input.
        rules: The rules of the gradients at the layers.

    Raises:
        OperatorError: Operators between the image and the score have no rule.
        ScoreError: The score does not depend on a layer.
    """
    graph = forward.model.graph
    op = Builder(graph, forward.score.value.dtype or ir.DataType.FLOAT, optimisations=forward.optimisations)
    target = _input(graph, contract.TARGET_INPUT, np.asarray([-1], np.int64), ["targets"])
    parts = Parts(_scores(forward, target), _layers(forward, rules), _image(forward, input_gradient))
    if flat:
        outputs: Values = {}
        for part in (parts.scores, parts.layers, parts.image):
            outputs |= part.emit(op, outputs)
        share_head_products(op)
        graph.extend(op.all_nodes)
    else:
        level = _input(graph, contract.LEVEL_INPUT, np.asarray(0, np.int64), [])
        outputs = branch_by_level(op, forward, level, parts)
    _declare(graph, forward, outputs)
    tidy(forward.model)


def _scores(forward: Forward, target: ir.Value) -> Part:
    """The scores and the explained class of each row."""
    score = forward.score

    def emit(op: Builder, earlier: Values) -> Values:
        del earlier
        scores = op.Reshape(score.value, [-1, score.classes])
        if score.value.dtype != ir.DataType.FLOAT:
            scores = op.Cast(scores, to=ir.DataType.FLOAT)
        return {contract.SCORES_OUTPUT: scores, contract.CLASS_INDEX_OUTPUT: resolve_targets(op, scores, target)}

    return Part(emit)


def _layers(forward: Forward, rules: Table) -> Part:
    """The activations of the target layers and their gradients."""
    layers, views = forward.layers, forward.views

    def emit(op: Builder, earlier: Values) -> Values:
        activations = {name: _viewed(op, views[name], value, value) for name, value in layers.items()}
        gradients = _gradients(op, forward, earlier, list(layers.values()), rules)
        pairs = zip(layers.items(), gradients, strict=True)
        return {
            **{contract.ACTIVATIONS_PREFIX + name: value for name, value in activations.items()},
            **{contract.GRADIENTS_PREFIX + name: _viewed(op, views[name], g, value) for (name, value), g in pairs},
        }

    prefixes = (contract.ACTIVATIONS_PREFIX, contract.GRADIENTS_PREFIX)
    return Part(emit, {prefix + name: view.shape for prefix in prefixes for name, view in views.items()})


def _image(forward: Forward, input_gradient: InputGradient) -> Part:
    """The gradient at the input."""

    def emit(op: Builder, earlier: Values) -> Values:
        (gradient,) = _gradients(op, forward, earlier, [forward.image], input_gradient.rules)
        return {input_gradient.output: _as_float(op, gradient, forward.image)}

    return Part(emit, {input_gradient.output: static_shape(forward.image)})


def _gradients(
    op: Builder, forward: Forward, earlier: Values, sources: Sequence[ir.Value], rules: Table
) -> list[ir.Value]:
    """The gradient of the explained classes' scores with respect to each source, of the source's type."""
    score = forward.score
    seed = one_hot(op, earlier[contract.CLASS_INDEX_OUTPUT], score.classes)
    if static_shape(score.value) != (score.classes,):
        seed = reshape_rows(op, seed, static_shape(score.value))
    found = backprop(op, forward.steps, score.value, seed, sources, rules=rules)
    return [found[source] for source in sources]


def _viewed(op: Builder, view: View, value: ir.Value, like: ir.Value) -> ir.Value:
    """The value, which has the type and axes of ``like``, through a layer's view: a new value in float32."""
    viewed = view.emit(op, value)
    return viewed if viewed is not value and like.dtype == ir.DataType.FLOAT else _as_float(op, viewed, like)


def _as_float(op: Builder, value: ir.Value, like: ir.Value) -> ir.Value:
    """The value, which has the type of ``like``, as a new float32 value: all added outputs are float32."""
    return op.Identity(value) if like.dtype == ir.DataType.FLOAT else op.Cast(value, to=ir.DataType.FLOAT)


def resolve_targets(op: Builder, scores: ir.Value, target: ir.Value) -> ir.Value:
    """The explained class of each row: ranks (-1 is the top-scoring class) become indices.

    Args:
        op: The builder of the nodes.
        scores: [N, C].
        target: int64 [T]; T = N, T = 1 or N = 1.

    Returns:
        int64 [M].
    """
    zero, one = np.asarray(0, np.int64), np.asarray(1, np.int64)
    rank = op.Max(op.Sub(np.asarray(-1, np.int64), target), zero)  # [T]
    depth = op.Add(op.ReduceMax(rank, keepdims=1), one)
    _, ranked = op.outputs(2).TopK(scores, depth, axis=1)  # [N, depth]
    begin = op.Range(zero, op.Size(ranked), op.Squeeze(depth, [0]))  # [N], the first index of each image's ranking
    by_rank = op.Gather(op.Reshape(ranked, [-1]), op.Add(begin, rank))  # [M]
    return op.Where(op.GreaterOrEqual(target, zero), target, by_rank)


def _input(graph: ir.Graph, name: str, default: np.ndarray, shape: Sequence[int | str]) -> ir.Value:
    """Adds a graph input that callers may leave out, because an initializer gives its default."""
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
    """Names the added outputs and states their shapes; sizes that may differ have different symbols."""
    batch = forward.image.shape[0] if forward.image.shape is not None else None
    shapes: dict[str, list[Any]] = {
        contract.SCORES_OUTPUT: [batch, forward.score.classes],
        contract.CLASS_INDEX_OUTPUT: [EXPLAINED],
        contract.GUIDED_OUTPUT: ["guided_rows", *static_shape(forward.image)],
        contract.INPUT_GRADIENTS_OUTPUT: ["input_rows", *static_shape(forward.image)],
    }
    for name, view in forward.views.items():
        shapes[contract.ACTIVATIONS_PREFIX + name] = ["activation_rows", *view.shape]
        shapes[contract.GRADIENTS_PREFIX + name] = ["gradient_rows", *view.shape]
    for name, value in outputs.items():
        value.name = name
        value.shape = ir.Shape(shapes[name])
        value.type = ir.TensorType(ir.DataType.INT64 if name == contract.CLASS_INDEX_OUTPUT else ir.DataType.FLOAT)
        graph.outputs.append(value)
