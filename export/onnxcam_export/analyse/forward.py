"""The prepared forward pass, with its score, target layers and activations found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam_export.analyse.activations import forward_steps
from onnxcam_export.analyse.layers import Candidate, candidates
from onnxcam_export.analyse.nested_concat import nest
from onnxcam_export.analyse.score import Score, find_score
from onnxcam_export.errors import ScoreError
from onnxcam_export.graph.optimisations import ALL, Optimisation
from onnxcam_export.read.dynamic_batch import BATCH
from onnxcam_export.read.image_input import describe, differentiable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam.metadata import ImageInput
    from onnxcam_export.graph.steps import Step
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
        layers: The target layers by name, each [N, K, h, w].
        candidates: The layers that the user could have chosen.
        optimisations: The cheaper forms that the gradient may be made of.
    """

    model: ir.Model
    steps: Sequence[Step]
    image_input: ImageInput
    image: ir.Value
    score: Score
    layers: Mapping[str, ir.Value]
    candidates: Sequence[Candidate] = ()
    optimisations: frozenset[Optimisation] = ALL


def analyse(
    original: Original,
    layers: Mapping[str, ir.Value],
    score_output: str | None,
    optimisations: frozenset[Optimisation] = ALL,
) -> Forward:
    """Finds in a simplified model what is to be differentiated.

    Args:
        original: The model; simplified already.
        layers: The layers that the user named; without any, the default is taken.
        score_output: The graph output of the scores, or None.
        optimisations: The cheaper forms that the gradient may be made of.

    Raises:
        ScoreError: There are no scores, or no map lies between the image and them.
        ShapeError: The image's size is not known.
    """
    graph = original.model.graph
    _name_batch(graph, original.image_value)
    image_input = describe(original.image_value)
    image = differentiable(graph, original.image_value)
    score = find_score(graph, score_output)
    steps = forward_steps(graph, visible=list(layers.values()))
    if Optimisation.NESTED_CONCAT in optimisations:
        steps = nest(steps)
    found = candidates(steps, image, score.value)
    chosen = dict(layers) or {candidate.name: candidate.value for candidate in found if candidate.is_default}
    if not chosen:
        raise ScoreError(
            "no spatial feature map, [N, K, h, w] with more than one position, lies between the image and the score; "
            "give a larger input_shape (--input-size), or name a layer"
        )
    return Forward(original.model, steps, image_input, image, score, chosen, found, optimisations)


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
