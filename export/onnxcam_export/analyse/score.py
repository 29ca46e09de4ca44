"""Finds the class scores y, before any softmax or sigmoid, and the layer that class activation mapping needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from onnxcam_export.analyse.axes.factors import is_places
from onnxcam_export.analyse.axes.views import batch_reason
from onnxcam_export.analyse.look_through import TRANSPARENT, before_activation, before_ranking, before_reshapes
from onnxcam_export.analyse.several_heads import without_companions
from onnxcam_export.errors import ScoreError
from onnxcam_export.graph.steps import Step, is_constant, reduced_axes, shape_of, shape_text, static_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx_ir as ir

    from onnxcam_export.analyse.axes.follow import Axes


@dataclass(frozen=True, slots=True)
class Score:
    """The scores, of which the explained scalar is a weighted sum.

    Attributes:
        value: Of class scores [N, C], or [N, C, 1, …], or [N] for a single class; of all others [N, *shape].
        shape: Their shape without the batch as the artifact gives them, (C,) of class scores.
        activation: What follows them in the graph: ``softmax``, ``sigmoid`` or None.
        output: The output or inner value that they were found from.
        reason: Why these were taken, for the report.
    """

    value: ir.Value
    shape: tuple[int, ...]
    activation: Literal["softmax", "sigmoid"] | None
    output: str = ""
    reason: str = ""

    @property
    def classes(self) -> int | None:
        """C; None where the scores are not [N, C]."""
        return self.shape[0] if len(self.shape) == 1 else None


def find_score(
    graph: ir.Graph, output: str | None = None, axes: Axes | None = None, names: Mapping[str, str] | None = None
) -> Score:
    """The scores that a graph output is computed from.

    Args:
        graph: The forward pass.
        output: The output's name (or the name of any value of the graph), whose scores may have any shape; None takes
            the one output with the shape of class scores. Features, gates and measures beside them are told apart
            (``onnxcam_export.analyse.several_heads``), and one after a softmax or sigmoid is preferred.
        axes: The axes of what is computed from the image, the image first, where they have been followed.
        names: What the user calls the outputs in ``output``, for messages; without it, as the graph does.

    Raises:
        ScoreError: There is no such output, none has the shape of class scores and none is named, or the batch is not
            the first axis.
    """
    listing = _listing(graph, names or {})
    candidate, name, reason = _candidate(graph, output, axes or {}, listing)
    before, activation = before_activation(before_ranking(candidate))
    before = _with_batch(before)
    if axes and _has_symbol_of_batch(before, next(iter(axes))):
        require_rows(before, axes)  # before its sizes after the first are asked for
    shape = static_shape(before)
    if sum(size != 1 for size in shape) < 2:  # of class scores, at most one axis is wider than one
        return Score(before, (math.prod(shape),), activation, name, reason)
    if output is None:
        raise ScoreError(
            f"{before.name!r} has the shape {shape_text(before)} and not that of class scores, [N, C]; name the output "
            f"to explain with score_output (--score-output): {listing}"
        )
    return Score(before, shape, activation, name, reason)


def _has_symbol_of_batch(value: ir.Value, image: ir.Value) -> bool:
    """Whether an axis after the first has the batch of the image, which is symbolic."""
    batch = (image.shape or [1])[0]
    return not isinstance(batch, int) and batch in list(value.shape or ())[1:]


def require_rows(score: ir.Value, axes: Axes, lost_at: Step | None = None) -> None:
    """Requires that the scores have a row for each image.

    Args:
        score: The scores.
        axes: The axes of what is computed from the image, the image first.
        lost_at: The step after which no value has the batch, for the message.

    Raises:
        ScoreError: They have not.
    """
    reason = batch_reason(score, axes.get(score), next(iter(axes)))
    if reason:
        where = "" if lost_at is None else f", which is lost at {lost_at}"
        raise ScoreError(
            f"the score {score.name!r} {reason}{where}; scores without a row for each image, such as those of anchors "
            "or frames, are not supported: choose class scores, [N, C], with score_output (--score-output), or export "
            "the network with the batch as the first axis"
        )


def pooled_features(score: ir.Value) -> ir.Value | None:
    """A, where the network ends in ``score = linear(global average of A)``; None where it does not.

    That is the condition of class activation mapping (Zhou et al. 2016).
    """
    node = before_reshapes(score.producer())
    if node is not None and node.op_type == "Add" and sum(map(is_constant, node.inputs)) == 1:
        node = before_reshapes(
            next(value for value in node.inputs if value is not None and not is_constant(value)).producer()
        )
    if node is None or node.op_type not in {"Gemm", "MatMul", "Conv"} or not is_constant(node.inputs[1]):
        return None
    pool = before_reshapes(node.inputs[0].producer() if node.inputs[0] is not None else None)
    if pool is None or pool.inputs[0] is None or len(shape_of(pool.inputs[0])) < 3:
        return None
    features = pool.inputs[0]
    return features if _is_global_average(Step.of(pool), features) else None


def _candidate(graph: ir.Graph, output: str | None, axes: Axes, listing: str) -> tuple[ir.Value, str, str]:
    """The value to take the scores from, the name that the user knows it by, and the reason."""
    if output is not None:
        named = {value.name: value for node in graph for value in node.outputs}
        named |= {value.name: value for value in graph.outputs}
        if output not in named:
            raise ScoreError(f"the model has no output {output!r}; it has {listing}")
        return named[output], output, "named by the user"
    by_output = {before_ranking(value): value.name or "" for value in reversed(graph.outputs)}
    fitting = [value for value in map(before_ranking, graph.outputs) if _looks_like_scores(value, axes)]
    heads = {before_activation(value)[0]: value for value in reversed(fitting)}
    for value in fitting:
        if before_activation(value)[1] is not None:
            heads[before_activation(value)[0]] = value
    chosen, reason = _chosen(heads)
    if chosen is not None:
        return chosen, by_output[chosen], reason
    if heads:
        raise ScoreError(
            f"the model has {len(heads)} outputs that could be class scores; choose one with score_output "
            f"(--score-output): {listing}"
        )
    raise ScoreError(
        "no output has the shape of class scores, [N, C]; name the one to explain with score_output "
        f"(--score-output): {listing}"
    )


def _chosen(heads: Mapping[ir.Value, ir.Value]) -> tuple[ir.Value | None, str]:
    """The one head that can be the scores, as it is given, and why; None where several can.

    Args:
        heads: By the values before their softmax or sigmoid.
    """
    activated = [before for before, value in heads.items() if before is not value]
    left = without_companions(list(heads), activated)
    if len(left) == 1:
        alone = "the only output with the shape of class scores"
        return heads[left[0]], alone if len(heads) == 1 else f"{alone} beside its features, gates and measures"
    known = [before for before in left if before in activated]
    if len(known) == 1 and (_width(known[0]) > 1 or all(_width(before) == 1 for before in left)):
        return heads[known[0]], "the only output after a softmax or sigmoid"
    return None, ""


def _width(value: ir.Value) -> int:
    """The number of classes."""
    return math.prod(size for size in shape_of(value)[1:] if size is not None)


def _looks_like_scores(value: ir.Value, axes: Axes) -> bool:
    """Whether it has one axis that is wider than one beside the batch, and that does not count places of the image."""
    if not _is_floating(value) or value.shape is None:
        return False
    wide = [axis for axis, size in enumerate(value.shape) if axis and size != 1]
    return len(wide) <= 1 and not any(is_places(axes[value][axis]) for axis in wide if value in axes)


def _with_batch(value: ir.Value) -> ir.Value:
    """The scores before a batch of one was squeezed away: [N, C] in front of [C]."""
    node = value.producer()
    while len(shape_of(value)) == 1 and node is not None and node.op_type in TRANSPARENT:
        x = node.inputs[0]
        if x is None or shape_of(x)[:1] == shape_of(value):
            break  # [N, 1] became [N]: a single class
        value, node = x, x.producer()
    return value


def _is_floating(value: ir.Value) -> bool:
    return value.dtype is not None and value.dtype.is_floating_point()


def _listing(graph: ir.Graph, names: Mapping[str, str]) -> str:
    """The outputs that can be scores, or what they were made from, and their shapes, as the user calls them."""
    known = {graph_name: name for name, graph_name in reversed(list(names.items()))}
    values = [value for value in graph.outputs if _is_floating(before_ranking(value))]
    return ", ".join(f"{known.get(value.name or '', value.name)} {shape_text(value)}" for value in values) or (
        "no output is a tensor of floating-point numbers, so name the value inside the model"
    )


def _is_global_average(step: Step, features: ir.Value) -> bool:
    size = static_shape(features, 2)
    if step.op_type == "GlobalAveragePool":
        return True
    if step.op_type == "AveragePool":
        return tuple(step.attributes.get("kernel_shape", ())) == size and not any(step.attributes.get("pads", ()))
    if step.op_type == "ReduceMean":
        return reduced_axes(step) == list(range(2, len(size) + 2))
    return False
