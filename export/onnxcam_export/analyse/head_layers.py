"""The maps that feed a detection head, one for each scale.

At each scale the network ends in predictions: maps of class scores and of boxes, which are then flattened and put
together with those of the other scales. All predictions of a scale are computed from one map. It is the last one that
every way from the image to them goes through (their nearest common dominator), apart from the predictions themselves,
after which there is no layer with weights.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING

from onnxcam_export.graph.steps import is_constant

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.steps import Step

    Places = tuple[int, ...]

_CONVOLUTIONS = {"Conv", "ConvTranspose"}
_PRODUCTS = {"MatMul", "Gemm"}


def layers_before_head(
    steps: Sequence[Step], between: Collection[ir.Value], maps: Mapping[ir.Value, Places]
) -> list[ir.Value]:
    """The maps that feed the head, in the order of the graph; none if there are no such maps.

    Args:
        steps: The forward pass.
        between: The values between the image and the head.
        maps: The places of every feature map among them.
    """
    last = _last_maps(steps, between, maps)
    dominators = _dominators(steps, between)
    order = {value: index for index, value in enumerate(maps)}
    found = set()
    for places in {maps[value] for value in last}:
        predictions = _predictions(steps, between, [value for value in last if maps[value] == places])
        common = functools.reduce(operator.and_, (dominators[value] for value in predictions & dominators.keys()))
        nearest = max(common & maps.keys() - predictions, key=order.__getitem__, default=None)
        if nearest is not None:
            found.add(nearest)
    return sorted(found, key=order.__getitem__)


def has_weights(step: Step) -> bool:
    """Whether the step is a convolution or a linear layer."""
    return step.op_type in _CONVOLUTIONS or (step.op_type in _PRODUCTS and any(map(is_constant, step.inputs)))


def _last_maps(steps: Sequence[Step], between: Collection[ir.Value], maps: Mapping[ir.Value, Places]) -> list[ir.Value]:
    """The maps of which no other map is computed."""
    feeding: set[ir.Value] = set()
    for step in reversed(steps):
        if any(y in maps or y in feeding for y in step.outputs):
            feeding.update(x for x in step.inputs if x is not None and x in between)
    return [value for value in maps if value not in feeding]


def _predictions(steps: Sequence[Step], between: Collection[ir.Value], last: Collection[ir.Value]) -> set[ir.Value]:
    """The last maps, and the values that they are computed from without weights, back to the layers that have them."""
    found = set(last)
    for step in reversed(steps):
        if found.intersection(step.outputs) and not has_weights(step):
            found.update(x for x in step.inputs if x is not None and x in between)
    return found


def _dominators(steps: Sequence[Step], between: Collection[ir.Value]) -> dict[ir.Value, set[ir.Value]]:
    """For each value the values that every way from the image to it goes through, itself included."""
    found: dict[ir.Value, set[ir.Value]] = {}
    for step in steps:
        ways = [found.get(x, {x}) for x in step.inputs if x is not None and x in between]
        common = functools.reduce(operator.and_, ways) if ways else set()
        for y in step.outputs:
            if y in between:
                found[y] = {*common, y}
    return found
