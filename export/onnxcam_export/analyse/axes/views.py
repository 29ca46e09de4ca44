"""Which values are feature maps, and how each becomes [N, K, *places]."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onnxcam_export.analyse.axes.factors import Axis, Extent, Factor, Role, contains_batch, is_batch, is_places
from onnxcam_export.graph.steps import shape_of, shape_text
from onnxcam_export.graph.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    import onnx_ir as ir

    from onnxcam.metadata_parts import ViewKind
    from onnxcam_export.analyse.axes.follow import Axes
    from onnxcam_export.graph.steps import Step


@dataclass(frozen=True, slots=True)
class Found:
    """A feature map.

    Attributes:
        view: How it becomes [N, K, *places].
        certain: Whether operators tell that its places are places; otherwise nothing speaks against it.
        extent: Whether it stands for the whole image, for a part of it, or has a border.
        complete: Whether it still has places along all sides of the image; otherwise one was averaged out, or merged
            into the channels.
    """

    view: View
    certain: bool
    extent: Extent = Extent.WHOLE
    complete: bool = True

    @property
    def is_single(self) -> bool:
        """Whether it has a single place, so that nothing can be seen in it."""
        return math.prod(self.view.shape[1:]) == 1


def view_of(value: ir.Value, axes: tuple[Axis, ...] | None, image: ir.Value, rank: int) -> Found | str:
    """The view of a value, or why it has none, in words that follow the value's name.

    Args:
        value: Computed from the image.
        axes: Its axes.
        image: The image input.
        rank: The number of the image's axes of places.
    """
    reason = batch_reason(value, axes, image)
    if reason:
        return _tokens_before_batch(value, axes, rank) or reason
    raw = tuple(size for size in shape_of(value)[1:] if size is not None)
    if axes is None or len(raw) != len(axes) - 1 or len(raw) < 2:
        return f"has the shape {shape_text(value)} and is not spatial"
    found = _tokens(axes[1:], raw, rank) or _map(axes[1:], raw, rank)
    if found is None:
        return f"has the shape {shape_text(value)}, which is no map of one value for each channel and place"
    return found


def _found(view: View, places: Axis, rank: int, *, certain: bool) -> Found:
    extents = {factor.extent for factor in places}
    extent = next((extent for extent in (Extent.PART, Extent.BORDER) if extent in extents), Extent.WHOLE)
    known = {factor.meaning.direction for factor in places if factor.role is Role.PLACES}
    return Found(view, certain, extent, complete=not certain or None in known or len(known) == rank)


def batch_reason(value: ir.Value, axes: tuple[Axis, ...] | None, image: ir.Value) -> str:
    """Why the value is not [N, …], in words that follow its name; empty if it is."""
    if value.shape is None:
        return "has a shape that could not be inferred"
    shape = shape_text(value)
    for index, axis in enumerate(axes or ()):
        if contains_batch(axis):
            if not is_batch(axis):
                return f"has the shape {shape}, whose axis {index} has the batch merged with something else"
            return "" if index == 0 else f"has the shape {shape} with the batch on axis {index}"
    as_many_rows = list(value.shape or ())[:1] == list(image.shape or ())[:1]
    if axes is None and as_many_rows:
        return ""  # after an operator of unknown shape
    if as_many_rows:
        return f"has the shape {shape}, but its rows could not be followed from those of the input {image.name!r}"
    return f"has the shape {shape}, whose first axis is not the batch of the input {image.name!r}"


def batch_lost_at(steps: Sequence[Step], axes: Axes, values: AbstractSet[ir.Value]) -> Step | None:
    """The first step that has the batch in an input and in no output; None if there is none.

    Args:
        steps: The forward pass.
        axes: The axes of its values.
        values: Those that lie between the image and the value that should have the batch.
    """

    def has_batch(value: ir.Value | None) -> bool:
        return value is not None and value in values and any(map(contains_batch, axes.get(value, ())))

    between = (step for step in steps if not values.isdisjoint(step.outputs))
    lost = (step for step in between if any(map(has_batch, step.inputs)) and not any(map(has_batch, step.outputs)))
    return next(lost, None)


def batch_added_at(steps: Sequence[Step], image: ir.Value) -> Step | None:
    """The step that puts a batch before the axes of an image that has none; None if there is none."""
    images, rank = {image}, len(shape_of(image))
    for step in steps:
        if not images.isdisjoint(step.inputs) and step.y.shape is not None:
            shape = shape_of(step.y)
            if step.op_type in _KEEPING and len(shape) == rank:
                images.add(step.y)
            elif step.op_type in _ADDING and len(shape) > rank and shape[0] == 1:
                return step
    return None


# What is done to a whole image before it gets a batch, and with what it gets one.
_KEEPING = {"Cast", "Identity", "Transpose", "Add", "Sub", "Mul", "Div"}
_ADDING = {"Unsqueeze", "Reshape"}


def _tokens(axes: tuple[Axis, ...], raw: tuple[int, ...], rank: int) -> Found | None:
    """[N, skip + h w + others, K], the places in the image's order."""
    if len(axes) != 2:
        return None
    tokens, channels = axes
    skip, places = (tokens[0].skip, tokens[0].places) if len(tokens) == 1 and tokens[0].places else (0, tokens)
    if not is_places(places) or any(factor.role is Role.PLACES for factor in channels):
        return None
    sides = _sides(places, rank)
    if sides is None or (places is tokens and rank == 1):
        return None
    return _found(View("tokens", (raw[1], *sides), raw, skip), places, rank, certain=True)


def _tokens_before_batch(value: ir.Value, axes: tuple[Axis, ...] | None, rank: int) -> Found | None:
    """[skip + h w + others, N, K], as PyTorch's attention has it by default."""
    if axes is None or len(axes) != 3 or not is_batch(axes[1]):
        return None
    tokens, _, channels = shape_of(value)
    found = _tokens((axes[0], axes[2]), (tokens or 0, channels or 0), rank)
    if found is None or not found.complete:
        return None
    return replace(found, view=replace(found.view, batch_axis=1))


def _map(axes: tuple[Axis, ...], raw: tuple[int, ...], rank: int) -> Found | None:
    """[N, K, *places] or [N, *places, K]."""
    if any(factor.places or factor.role is Role.MIXTURE for axis in axes for factor in axis):
        return None
    others = [index for index, axis in enumerate(axes) if not is_places(axis)]
    certain = len(others) < len(axes)
    if len(others) != 1 and not certain:
        others = [0] if len(axes) == rank + 1 and all(len(axis) == 1 for axis in axes) else []
    if len(others) > 1:  # axes of size one may be places, or a channel that is alone
        wide = [index for index in others if raw[index] > 1]
        others = wide or others[:1]
    if len(others) != 1 or others[0] not in {0, len(axes) - 1}:
        return None
    (channels,) = others
    places = tuple(axis for index, axis in enumerate(axes) if index != channels)
    sides = _sides_of(places, rank)
    if sides is None:
        return None
    kind: ViewKind = "channels_first" if channels == 0 else "channels_last"
    factors = tuple(factor for axis in places for factor in axis)
    return _found(View(kind, (raw[channels], *sides), raw), factors, rank, certain=certain)


def _sides_of(places: tuple[Axis, ...], rank: int) -> tuple[int, ...] | None:
    """The places along each of the image's directions, from an axis for each, or from axes that merge some."""
    directions = [{factor.meaning.direction for factor in axis} for axis in places]
    one = len(places) == rank and all(len(found) == 1 for found in directions)
    if one and all(found <= {None, side} for side, found in enumerate(directions)):
        return tuple(math.prod(factor.size for factor in axis) for axis in places)
    return _sides(tuple(factor for axis in places for factor in axis), rank)


def _sides(factors: tuple[Factor, ...], rank: int) -> tuple[int, ...] | None:
    """The product of the factors along each direction; None where they are not all known and in order."""
    directions = [factor.meaning.direction for factor in factors]
    if len(factors) == rank and all(direction in {None, side} for side, direction in enumerate(directions)):
        return tuple(factor.size for factor in factors)
    factors = tuple(factor for factor in factors if factor.size > 1 or factor.meaning.direction is not None)
    directions = [factor.meaning.direction for factor in factors]
    known = [direction for direction in directions if direction is not None]
    if None in directions or known != sorted(known):
        return None
    entire = [factor.meaning.direction for factor in factors if factor.split_from is None and factor.size > 1]
    if len(entire) > len(set(entire)):
        return None  # rows by rows, as in the product of a map and the transposed map
    return tuple(
        math.prod(factor.size for factor in factors if factor.meaning.direction == side) for side in range(rank)
    )
