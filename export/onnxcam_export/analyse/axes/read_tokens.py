"""Which tokens the score is computed from.

After its last attention a vision transformer reads the class token alone: nothing that other tokens hold there reaches
the score, and the gradient at their places is zero. The walk goes back from the score, and notes where places are read
and not only the tokens before them. Operators that keep tokens apart pass that on; attention reads all tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from onnxcam_export.analyse.axes.follow import RESHAPES, Axes
from onnxcam_export.analyse.axes.links import SHAPE_READERS, How, links_of
from onnxcam_export.analyse.axes.taken import taken_by
from onnxcam_export.graph.steps import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.steps import Step


class Spot(NamedTuple):
    """Where a value has tokens: the axis, which of its factors they are, and which of them are places."""

    value: ir.Value
    axis: int
    factor: int
    places: range


def unread_places(steps: Sequence[Step], axes: Axes, score: ir.Value) -> set[ir.Value]:
    """The values with tokens that the score depends on, though not on any of their places."""
    spots = {value: found for value in axes if (found := _spots(axes, value))}
    reached, read = {score}, set[Spot]()
    for step in reversed(steps):
        if reached.isdisjoint(step.outputs) or step.op_type in SHAPE_READERS:
            continue
        for index, x in enumerate(step.inputs):
            if x is None:
                continue
            reached.add(x)
            for spot in spots.get(x, ()):
                passed = _passed_on(step, index, spot, spots, reached)
                if passed is None or not read.isdisjoint(passed):
                    read.add(spot)
    return {value for value, found in spots.items() if value in reached and read.isdisjoint(found)}


def _spots(axes: Axes, value: ir.Value) -> list[Spot]:
    found = [(index, axis, place) for index, axis in enumerate(axes[value]) for place in range(len(axis))]
    return [Spot(value, index, place, axis[place].token_indices) for index, axis, place in found if axis[place].places]


def _passed_on(
    step: Step, index: int, spot: Spot, spots: dict[ir.Value, list[Spot]], reached: Iterable[ir.Value]
) -> Iterable[Spot] | None:
    """The spots of outputs that stand for this one; None where the step reads the places."""
    if step.op_type in RESHAPES:  # the factors stay in order
        here, there = spots[spot.value], spots.get(step.y, [])
        return [there[here.index(spot)]] if len(here) == len(there) else None
    if step.op_type == "Concat":
        along = int(step.attributes.get("axis", 0)) % len(shape_of(step.y))
        return None if along == spot.axis else [spot._replace(value=step.y)]
    if taken_by(step) is not None:
        return _taken(step, spot, spots, reached)
    links = [link for link in links_of(step) if link.input == index and link.x_axis == spot.axis]
    if not links or any(link.how is not How.SAME for link in links):
        return None
    passed = [spot._replace(value=step.outputs[link.output], axis=link.y_axis) for link in links]
    return passed if all(there in spots.get(there.value, ()) for there in passed) else None


def _taken(
    step: Step, spot: Spot, spots: dict[ir.Value, list[Spot]], reached: Iterable[ir.Value]
) -> Iterable[Spot] | None:
    """Along other axes the tokens stay; along their own, the others alone may be taken."""
    passed = []
    for output, y in enumerate(step.outputs):
        taken = [item for item in taken_by(step) or () if item.output == output]
        own = next((item for item in taken if item.axis == spot.axis), None)
        if y not in reached:
            continue
        if own is not None:
            if any(int(element) in spot.places for element in own.elements):
                return None
            continue
        dropped = sum(not item.keeps and item.axis < spot.axis for item in taken)
        there = spot._replace(value=y, axis=spot.axis - dropped)
        if there not in spots.get(y, ()):
            return None
        passed.append(there)
    return passed
