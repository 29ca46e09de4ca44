"""From the model as it was read to the simplified one, in which scores, target layers and boxes are found."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import onnx_ir.passes.common as common_passes

from onnxcam.text import listed
from onnxcam_export.analyse.activations import forward_steps
from onnxcam_export.analyse.forward import Forward, analyse, followed
from onnxcam_export.analyse.layers import resolve
from onnxcam_export.analyse.score import find_score
from onnxcam_export.errors import ExportError, TargetLayerError
from onnxcam_export.graph.steps import shape_text
from onnxcam_export.prepare.detection_head import (
    HEAD,
    append,
    check_box_is_said,
    check_is_raw,
    head_of_outputs,
    parts_of,
)
from onnxcam_export.prepare.infer_shapes import complete_shapes
from onnxcam_export.prepare.reductions_of_one import reduce_each_image
from onnxcam_export.prepare.simplify import simplify
from onnxcam_export.read.detection import HeadOutputs, head_of_tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx_ir as ir

    from onnxcam.metadata import DetectionHead
    from onnxcam_export.differentiate.tables import Table
    from onnxcam_export.graph.optimisations import Optimisation
    from onnxcam_export.read.detection import Head
    from onnxcam_export.read.source import Original

_LISTED = 12  # layers in an error


def analysed(
    original: Original,
    layers: Mapping[str, str],
    score_output: str | int | None,
    *,
    optimisations: frozenset[Optimisation],
    rules: Table,
    head: Head | None = None,
) -> tuple[Forward, DetectionHead | None]:
    """Simplifies the model, and finds its scores, target layers and boxes.

    Args:
        original: The model as it was read; changed in place.
        layers: The layers that the user named, which have these names only before it is simplified.
        score_output: The output of the scores, or None.
        optimisations: The cheaper forms that the gradient may be made of.
        rules: The rules of the gradients at the layers.
        head: The detection head that the user describes, or None.

    Raises:
        ExportError: There are no such scores or layers; its subclasses say why.
    """
    scores = _named_scores(original, score_output, head)
    named = _resolved(original, layers, scores[0] if scores else None, rules)
    values = {value.name: value for node in original.model.graph for value in node.outputs}
    known = values.keys() | {value.name for value in original.model.graph.outputs}
    for name in scores:
        if name not in known:
            find_score(
                original.model.graph, name, names=original.known_outputs
            )  # raises, with the names that there are
    kept = simplify(original.model, [*named, *(values[name] for name in scores if name in values)], rules)
    reduce_each_image(original.model, original.image_value)
    found = iter(kept[len(named) :])
    outputs = {value.name or "": value for value in original.model.graph.outputs}
    taken = [next(found) if name in values else outputs[name] for name in scores]
    output, boxes = taken[0].name if taken else None, None
    if head is not None:
        for value in taken:
            check_is_raw(value)
            if not isinstance(head, HeadOutputs):
                check_box_is_said(original.model.graph, value, head)
    if isinstance(head, HeadOutputs):
        output, boxes = _joined_head(original, head, taken)
    forward = analyse(original, dict(zip(layers, kept, strict=False)), output, optimisations, of_head=head is not None)
    if head is None:
        return forward, None
    score = forward.score
    if isinstance(head, HeadOutputs):
        score = replace(score, output=listed(scores), reason="joined to one detection head")
    else:
        boxes = head_of_tensor(head, score.shape)
        reason = "the first output, a detection head" if score_output is None else score.reason
        score = replace(score, reason=reason)
    return replace(forward, score=score), boxes


def _named_scores(original: Original, score_output: str | int | None, head: Head | None) -> list[str]:
    """The values that the scores are in: those of a head, the one that the user named, or none.

    Raises:
        ScoreError: There is no such value.
        ExportError: The user named it twice.
    """
    if isinstance(head, HeadOutputs):
        if score_output is not None:
            raise ExportError("detection names the scores, and score_output too; leave score_output out")
        return [str(original.output_name(name)) for name in head.names]
    scores = original.output_name(0 if head is not None and score_output is None else score_output)
    return [] if scores is None else [scores]


def _joined_head(original: Original, head: HeadOutputs, values: Sequence[ir.Value]) -> tuple[str, DetectionHead]:
    """Joins the outputs of a head to one value, also in the unchanged model, which the artifact is compared with."""
    size = _size(original)
    parts = parts_of(head, values, size)
    for model in (original.model, original.unchanged):
        append(model, head, parts, size)
    common_passes.ShapeInferencePass(check_type=False, strict_mode=False)(original.model)
    complete_shapes(original.model)
    return HEAD, head_of_outputs(head, parts)


def _resolved(original: Original, layers: Mapping[str, str], scores: str | None, rules: Table) -> list[ir.Value]:
    """The values of the layers that the user named.

    Raises:
        TargetLayerError: One is unknown or no map; the message lists those that can be taken.
    """
    try:
        return [resolve(name, original.model.graph, original.image_value) for name in layers.values()]
    except TargetLayerError as error:
        listing = ""
        with contextlib.suppress(ExportError):  # the layer is what is wrong first
            simplify(original.model, [], rules)
            found = [candidate.name for candidate in analyse(original, {}, scores).candidates]
            listing = f", and candidates() in Python; from the last on: {listed(found[::-1], _LISTED)}"
        raise TargetLayerError(f"{error}{listing}") from error


def _size(original: Original) -> tuple[int, int]:
    """The height and width of the image, by its layout.

    Raises:
        ExportError: It has other axes.
    """
    image = original.image_value
    image_input, _ = followed(forward_steps(original.model.graph), image)
    if len(image_input.places) != 2:
        raise ExportError(f"a detection head needs an image, and the input {image.name!r} is {shape_text(image)}")
    return image_input.height, image_input.width
