"""The prepared forward pass, with its score, target layers and activations found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam_export.analyse.activations import forward_steps
from onnxcam_export.analyse.axes.batch_of_one import has_batch, open_batch, require_apart
from onnxcam_export.analyse.axes.follow import Axes, follow
from onnxcam_export.analyse.axes.image_layout import layout_of, roles_of
from onnxcam_export.analyse.axes.views import batch_added_at, batch_lost_at, batch_reason
from onnxcam_export.analyse.layers import Candidate, Maps
from onnxcam_export.analyse.nested_concat import nest
from onnxcam_export.analyse.randomness import require_repeatable
from onnxcam_export.analyse.score import Score, find_score, require_rows
from onnxcam_export.errors import ScoreError, ShapeError
from onnxcam_export.graph.optimisations import ALL, Optimisation
from onnxcam_export.graph.steps import shape_text, values_between
from onnxcam_export.read.files.dynamic_batch import BATCH
from onnxcam_export.read.image_input import describe, differentiable, require_size

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from onnxcam.metadata import ImageInput
    from onnxcam_export.graph.steps import Step
    from onnxcam_export.graph.view import View
    from onnxcam_export.read.source import Original


@dataclass(frozen=True, slots=True)
class Forward:
    """The prepared forward pass, and what is to be explained in it.

    Attributes:
        model: The model; assembling adds to it.
        steps: Its steps.
        image_input: The layout and size of the input that takes the image.
        image: The value that is differentiated at the input's end, [N, …]: the image input, or the Cast of integers.
        score: The class scores.
        layers: The target layers by name.
        views: How each becomes [N, K, *places].
        candidates: The layers that the user could have chosen.
        notes: Remarks on the layers for the report.
        optimisations: The cheaper forms that the gradient may be made of.
        fixed_shapes: Of a model whose batch is fixed to one, the shapes of the values that have the symbol of a batch
            until the gradient is written.
    """

    model: ir.Model
    steps: Sequence[Step]
    image_input: ImageInput
    image: ir.Value
    score: Score
    layers: Mapping[str, ir.Value]
    views: Mapping[str, View]
    candidates: Sequence[Candidate] = ()
    notes: Sequence[str] = ()
    optimisations: frozenset[Optimisation] = ALL
    fixed_shapes: Mapping[ir.Value, ir.Shape] = field(default_factory=dict)


def analyse(
    original: Original,
    layers: Mapping[str, ir.Value],
    score_output: str | None,
    optimisations: frozenset[Optimisation] = ALL,
    *,
    of_head: bool = False,
) -> Forward:
    """Finds in a simplified model what is to be differentiated.

    Args:
        original: The model; simplified already.
        layers: The layers that the user named; without any, the defaults are taken.
        score_output: The graph output of the scores, or None.
        optimisations: The cheaper forms that the gradient may be made of.
        of_head: Whether the scores are a detection head.

    Raises:
        ScoreError: There are no scores, they are random, or no map lies between the image and them.
        ShapeError: The image's size is not known.
    """
    graph, image = original.model.graph, original.image_value
    _name_batch(graph, image)
    source = differentiable(graph, image)
    steps = forward_steps(graph, visible=list(layers.values()))
    image_input, axes = followed(steps, image)
    score = find_score(graph, score_output, axes, original.known_outputs)
    require_repeatable(steps, score.value)
    is_one = image_input.batch == 1
    if is_one:
        axes = _with_batch(axes, steps, image_input, image, values_between(steps, score.value, [source]))
    if Optimisation.NESTED_CONCAT in optimisations:
        steps = nest(steps)
    maps = Maps(steps, axes, source, score.value, len(image_input.places))
    _require_rows(score.value, steps, axes, image, maps.between)
    if is_one:
        require_apart(axes, steps, maps.between)
    found = maps.candidates(of_head=of_head)
    if not found:
        raise ScoreError(maps.why_none(fixed=original.fixes_size))
    chosen = dict(layers) or {candidate.name: candidate.value for candidate in found if candidate.is_default}
    views = {name: maps.view(name, value) for name, value in chosen.items()}
    notes = maps.notes(chosen, named=bool(layers))
    fixed = open_batch(axes) if is_one else {}
    return Forward(original.model, steps, image_input, source, score, chosen, views, found, notes, optimisations, fixed)


def followed(steps: Sequence[Step], image: ir.Value) -> tuple[ImageInput, Axes]:
    """The image input, its layout as operators use it, and the axes of all that is computed from it.

    Raises:
        ShapeError: The input's axes are not those of a signal, an image or a volume, or its size is not known.
    """
    require_size(image)
    roles = [axis[0].role for axis in follow(steps, image)[image]]
    layout = layout_of(roles)
    if layout is None:
        used = [role.value if role is not None else "unknown" for role in roles]
        raise ShapeError(
            f"the input {image.name!r} has the shape {shape_text(image)}, and the model uses its axes as "
            f"{', '.join(used)}; what has axes beside batch, channels and one to three of places, such as frames or "
            "views, is not supported"
        )
    return describe(image, layout), follow(steps, image, roles_of(layout))


def _require_rows(
    score: ir.Value, steps: Sequence[Step], axes: Axes, image: ir.Value, between: AbstractSet[ir.Value]
) -> None:
    """Requires that the scores have a row for each image.

    Raises:
        ShapeError: The image input has no batch.
        ScoreError: The scores have none.
    """
    if not batch_reason(score, axes.get(score), image):
        return
    added = batch_added_at(steps, image)
    if added is not None:
        raise ShapeError(
            f"the first axis of the input {image.name!r}, {shape_text(image)}, is not the batch, which {added} adds; "
            "export the model again with an input whose first axis is the batch, of size 1 or symbolic"
        )
    require_rows(score, axes, batch_lost_at(steps, axes, between))


def _with_batch(
    axes: Axes, steps: Sequence[Step], image_input: ImageInput, image: ir.Value, values: Collection[ir.Value]
) -> Axes:
    """The axes in which all values have the batch of one: the given ones, or those of the other way to follow it."""
    if has_batch(axes, values):
        return axes
    other = follow(steps, image, roles_of(image_input.layout), batch_goes_before=False)
    return other if has_batch(other, values) else axes


def _name_batch(graph: ir.Graph, image: ir.Value) -> None:
    """Calls the symbolic batch "batch" throughout, whatever the exporter called it."""
    shape = image.shape
    if shape is None or not len(shape) or isinstance(shape[0], int) or shape[0].value is None:
        return
    old = shape[0].value
    values = [*graph.inputs, *(value for node in graph for value in node.outputs)]
    for value in values:
        if value.shape is not None and any(getattr(dim, "value", None) == old for dim in value.shape):
            value.shape = ir.Shape([BATCH if getattr(dim, "value", dim) == old else dim for dim in value.shape])
