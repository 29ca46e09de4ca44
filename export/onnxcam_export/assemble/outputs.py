"""Adds the inputs and outputs of the artifact's contract to the model; the original outputs stay.

The emitted nodes are the same with and without gates. ``onnxcam_export.assemble.gates`` places them in branches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx_ir as ir

from onnxcam import contract
from onnxcam_export.assemble.gates import Part, Parts, Values, branch_by_level, outputs_of
from onnxcam_export.assemble.head_products import share_head_products
from onnxcam_export.assemble.products import grad_cam, guided_grad_cam
from onnxcam_export.assemble.rows import as_dtype, cotangents, resolve_targets, with_seeds
from onnxcam_export.assemble.tidy import tidy
from onnxcam_export.differentiate.backprop import backprop
from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.differentiate.target_rows import EXPLAINED
from onnxcam_export.errors import ExportError
from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.detached import take_out_detached
from onnxcam_export.graph.expressions import reshape_rows
from onnxcam_export.graph.steps import static_shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.analyse.score import Score
    from onnxcam_export.differentiate.tables import InputGradient, Table
    from onnxcam_export.graph.view import View


# The class of each target without the seeds. OpenVINO 2026.4 refuses an If inside an If that reads a Concat.
_TARGETS = "targets"


@dataclass(frozen=True, slots=True)
class Form:
    """The form that an artifact is exported in.

    Attributes:
        flat: Whether to leave the gates out: everything is always computed, and there is no level input.
        highest: The highest level, 1 or 2; nothing above it is in the file.
        inputs: ``optional`` if the added inputs have defaults, ``required`` if they have none.
    """

    flat: bool = False
    highest: Literal[1, 2] = 2
    inputs: Literal["optional", "required"] = "optional"


DROP_IN = Form()


def form_of(inputs: str, level: int, *, flat: bool) -> Form:
    """The form that a user asks for.

    Raises:
        ExportError: There is no such form.
    """
    if inputs not in {"optional", "required"}:
        raise ExportError(f"inputs is {inputs!r}; it must be 'optional' or 'required'")
    if isinstance(level, bool) or level not in {1, 2}:
        raise ExportError(
            f"the level is {level!r}; it must be 2, or 1 to leave out the gradient at the input (a finished model can "
            "be fixed at level 0 with onnxcam adapt)"
        )
    return Form(flat=flat, highest=level, inputs=inputs)  # type: ignore[arg-type]


def assemble(forward: Forward, input_gradient: InputGradient, form: Form = DROP_IN, rules: Table = PLAIN) -> None:
    """Adds the contract's inputs and outputs to the model, in place.

    Args:
        forward: The forward pass with its score and target layers.
        input_gradient: The gradient at the input, with its rules.
        form: The form of the artifact.
        rules: The rules of the gradients at the layers.

    Raises:
        OperatorError: Operators between the image and the score have no rule.
        ScoreError: The score does not depend on a layer.
    """
    graph, score = forward.model.graph, forward.score
    op = Builder(graph, score.value.dtype or ir.DataType.FLOAT, optimisations=forward.optimisations)
    defaults = form.inputs == "optional"
    target = None
    if score.classes is not None:
        target = _input(graph, contract.TARGET_INPUT, np.asarray([-1], np.int64), ["targets"], default_is_kept=defaults)
    no_rows = np.zeros((0, *score.shape), np.float32)
    seed = _input(graph, contract.SEED_INPUT, no_rows, ["seeds", *score.shape], default_is_kept=defaults)
    image = _image(forward, input_gradient, seed) if form.highest > 1 else Part.nothing()
    parts = Parts(_scores(forward, target, seed), _layers(forward, seed, rules), image)
    if form.flat:
        values: Values = {}
        for part in (parts.scores, parts.layers, parts.image):
            values |= part.emit(op, values)
        share_head_products(op)
        graph.extend(op.all_nodes)
        outputs = outputs_of(values)
    else:
        level = _input(graph, contract.LEVEL_INPUT, np.asarray(0, np.int64), [], default_is_kept=defaults)
        outputs = branch_by_level(op, forward, level, parts)
    for value, shape in forward.fixed_shapes.items():
        value.shape = shape
    _declare(graph, forward, outputs)
    take_out_detached(graph)
    tidy(forward.model)


def _scores(forward: Forward, target: ir.Value | None, seed: ir.Value) -> Part:
    """The scores, and the explained class of each row."""
    score = forward.score

    def emit(op: Builder, earlier: Values) -> Values:
        del earlier
        scores = op.Reshape(score.value, [-1, *score.shape])
        if score.value.dtype != ir.DataType.FLOAT:
            scores = op.Cast(scores, to=ir.DataType.FLOAT)
        outputs = {contract.SCORES_OUTPUT: scores}
        if target is not None and score.classes is not None:
            outputs[_TARGETS] = resolve_targets(op, scores, score.classes, target)
            outputs[contract.CLASS_INDEX_OUTPUT] = with_seeds(op, outputs[_TARGETS], seed)
        return outputs

    return Part(emit)


def _layers(forward: Forward, seed: ir.Value, rules: Table) -> Part:
    """The activations of the target layers, their gradients, and Grad-CAM."""
    layers, views = forward.layers, forward.views

    def emit(op: Builder, earlier: Values) -> Values:
        activations = {name: _viewed(op, views[name], value, value) for name, value in layers.items()}
        rows = _cotangents(op, forward.score, earlier, seed)
        found = backprop(op, forward.steps, forward.score.value, rows, list(layers.values()), rules=rules)
        gradients = {name: _viewed(op, views[name], found[value], value) for name, value in layers.items()}
        maps = {name: grad_cam(op, activations[name], gradients[name], views[name].shape) for name in layers}
        named = ((contract.ACTIVATIONS_PREFIX, activations), (contract.GRADIENTS_PREFIX, gradients))
        return {
            prefix + name: value
            for prefix, values in (*named, (contract.GRAD_CAM_PREFIX, maps))
            for name, value in values.items()
        }

    return Part(emit, _shapes_of_layers(forward))


def _shapes_of_layers(forward: Forward) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for prefix in (contract.ACTIVATIONS_PREFIX, contract.GRADIENTS_PREFIX, contract.GRAD_CAM_PREFIX):
        start = 1 if prefix == contract.GRAD_CAM_PREFIX else 0
        shapes |= {prefix + name: view.shape[start:] for name, view in forward.views.items()}
    return shapes


def _image(forward: Forward, input_gradient: InputGradient, seed: ir.Value) -> Part:
    """The gradient at the input, and Guided Grad-CAM if it is guided."""
    shape = static_shape(forward.image)
    names = [input_gradient.output]
    if input_gradient.output == contract.GUIDED_OUTPUT:
        names += [contract.GUIDED_GRAD_CAM_PREFIX + name for name in forward.layers]

    def emit(op: Builder, earlier: Values) -> Values:
        rows, score = _cotangents(op, forward.score, earlier, seed), forward.score.value
        found = backprop(op, forward.steps, score, rows, [forward.image], rules=input_gradient.rules)
        guided = _as_float(op, found[forward.image], forward.image)
        outputs = {input_gradient.output: guided}
        for name in forward.layers if len(names) > 1 else ():
            maps, places = earlier[contract.GRAD_CAM_PREFIX + name], forward.views[name].shape[1:]
            product = guided_grad_cam(op, guided, maps, places, forward.image_input)
            outputs[contract.GUIDED_GRAD_CAM_PREFIX + name] = product
        return outputs

    return Part(emit, dict.fromkeys(names, shape))


def _cotangents(op: Builder, score: Score, earlier: Values, seed: ir.Value) -> ir.Value:
    """The gradient of each row's scalar with respect to the scores, in the shape of the scores."""
    rows = as_dtype(op, seed)
    if score.classes is not None:
        rows = cotangents(op, earlier[_TARGETS], score.classes, seed)
    shape = static_shape(score.value)
    return rows if shape == score.shape else reshape_rows(op, rows, shape)


def _viewed(op: Builder, view: View, value: ir.Value, like: ir.Value) -> ir.Value:
    """The value, which has the type and axes of ``like``, through a layer's view: a new value in float32."""
    viewed = view.emit(op, value)
    return viewed if viewed is not value and like.dtype == ir.DataType.FLOAT else _as_float(op, viewed, like)


def _as_float(op: Builder, value: ir.Value, like: ir.Value) -> ir.Value:
    """The value, which has the type of ``like``, as a new float32 value: all added outputs are float32."""
    return op.Identity(value) if like.dtype == ir.DataType.FLOAT else op.Cast(value, to=ir.DataType.FLOAT)


def _input(
    graph: ir.Graph, name: str, default: np.ndarray, shape: Sequence[int | str], *, default_is_kept: bool
) -> ir.Value:
    """Adds a graph input, which callers may leave out if an initializer gives its default."""
    value = ir.Value(
        name=name,
        type=ir.TensorType(ir.DataType.FLOAT if default.dtype == np.float32 else ir.DataType.INT64),
        shape=ir.Shape(shape),
        const_value=ir.tensor(default, name=name) if default_is_kept else None,
    )
    graph.inputs.append(value)
    if default_is_kept:
        graph.register_initializer(value)
    return value


def _declare(graph: ir.Graph, forward: Forward, outputs: Mapping[str, ir.Value]) -> None:
    """Names the added outputs and states their shapes; sizes that may differ have different symbols."""
    batch = forward.image.shape[0] if forward.image.shape is not None else None
    image = static_shape(forward.image)
    shapes: dict[str, list[Any]] = {
        contract.SCORES_OUTPUT: [batch, *forward.score.shape],
        contract.CLASS_INDEX_OUTPUT: [EXPLAINED],
        contract.GUIDED_OUTPUT: ["guided_rows", *image],
        contract.INPUT_GRADIENTS_OUTPUT: ["input_rows", *image],
    }
    for name, view in forward.views.items():
        shapes[contract.ACTIVATIONS_PREFIX + name] = ["activation_rows", *view.shape]
        shapes[contract.GRADIENTS_PREFIX + name] = ["gradient_rows", *view.shape]
        shapes[contract.GRAD_CAM_PREFIX + name] = ["map_rows", *view.shape[1:]]
        shapes[contract.GUIDED_GRAD_CAM_PREFIX + name] = ["product_rows", *image]
    for name, value in outputs.items():
        value.name = name
        value.shape = ir.Shape(shapes[name])
        value.type = ir.TensorType(ir.DataType.INT64 if name == contract.CLASS_INDEX_OUTPUT else ir.DataType.FLOAT)
        graph.outputs.append(value)
