"""Simplifies the forward pass before it is differentiated; the outputs do not change."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import onnx_ir as ir
import onnx_ir.passes.common as common_passes

from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.graph.fold_constants import fold_constants
from onnxcam_export.graph.library_logs import silenced
from onnxcam_export.prepare.computed_bounds import clip_by_extremes
from onnxcam_export.prepare.counting_gathers import remove_counting_gathers
from onnxcam_export.prepare.expand_functions import expand
from onnxcam_export.prepare.infer_shapes import complete_shapes, state_constant_shapes
from onnxcam_export.prepare.masked_assignments import select_by_masks
from onnxcam_export.prepare.padded_pooling import keep_padding_apart
from onnxcam_export.prepare.rewriting import rewrite
from onnxcam_export.prepare.slice_assignments import write_by_masks
from onnxcam_export.prepare.stacked_extremes import unstack_extremes

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence


def simplify(model: ir.Model, keep: Sequence[ir.Value] = (), operators: Container[str] = PLAIN) -> list[ir.Value]:
    """Folds constants, batch normalisation and padding into their neighbours; the outputs do not change.

    Args:
        model: The model; changed in place.
        keep: Values that must stay, such as layers that the user named.
        operators: The operators that have a gradient rule and are not expanded.

    Returns:
        The values that now correspond to ``keep``.
    """
    with silenced(), _as_outputs(model.graph, keep) as kept:
        common_passes.RemoveInitializersFromInputsPass()(model)
        common_passes.LiftConstantsToInitializersPass()(model)
        common_passes.ShapeInferencePass(check_type=False, strict_mode=False)(model)  # expansion depends on types
        expand(model, keep=operators)
        _optimise(model)
        select_by_masks(model.graph)
        unstack_extremes(model.graph)
        keep_padding_apart(model.graph)
        common_passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
        common_passes.RemoveUnusedNodesPass()(model)
        common_passes.NameFixPass()(model)
        firsts = complete_shapes(model)
        remove_counting_gathers(model.graph, firsts)
        write_by_masks(model.graph, firsts)
        clip_by_extremes(model.graph)
        common_passes.RemoveUnusedNodesPass()(model)
        state_constant_shapes(model.graph)
    return kept


def _optimise(model: ir.Model) -> None:
    """Does the same as ``onnxscript.optimizer.optimize``, but without the elimination of common subexpressions.

    Two activations of one value must stay two, because the guided rule acts on the gradient that reaches each of them
    (NASNet's cells).
    """
    common_passes.InlinePass()(model)
    for _ in range(2):
        fold_constants(model)
        rewrite(model)
        _list_constants(model.graph)
    common_passes.LiftSubgraphInitializersToMainGraphPass()(model)
    common_passes.DeduplicateInitializersPass()(model)
    common_passes.OutputFixPass()(model)


def _list_constants(graph: ir.Graph) -> None:
    """Enters constants that nodes read, but that the graph no longer lists.

    The rewriter names a new constant after the value it belongs to. If two constants have one name, as the limits of
    two Clip of one value, it lists the second alone.
    """
    for node in graph:
        for value in node.inputs:
            if value is None or value.const_value is None or value.producer() is not None or value.is_graph_input():
                continue
            if graph.initializers.get(value.name or "") is not value:
                names = (f"{value.name}_{number}" for number in count(1))
                value.name = next(name for name in names if name not in graph.initializers)
                graph.register_initializer(value)


@contextmanager
def _as_outputs(graph: ir.Graph, keep: Sequence[ir.Value]) -> Iterator[list[ir.Value]]:
    """Makes values outputs during the block, each once, so that optimisation keeps them."""
    count = len(graph.outputs)
    graph.outputs.extend(dict.fromkeys(value for value in keep if value not in graph.outputs))
    place = [graph.outputs.index(value) for value in keep]
    kept: list[ir.Value] = []
    yield kept
    kept.extend(graph.outputs[index] for index in place)
    del graph.outputs[count:]
