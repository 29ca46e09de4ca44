"""Follows the axes of the image through the forward pass."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from onnxcam_export.analyse.axes.extents import tell_extents, without
from onnxcam_export.analyse.axes.factors import (
    SYMBOLIC_BATCH,
    Axis,
    Extent,
    Factor,
    Meaning,
    Role,
    is_places,
    regroup,
    run_apart,
)
from onnxcam_export.analyse.axes.links import How, links_of
from onnxcam_export.analyse.axes.roles import told_by
from onnxcam_export.analyse.axes.taken import taken_by
from onnxcam_export.graph.steps import Step, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx_ir as ir

Axes = dict["ir.Value", tuple[Axis, ...]]

RESHAPES = frozenset(("Reshape", "Flatten", "Squeeze", "Unsqueeze"))


def follow(
    steps: Sequence[Step],
    image: ir.Value,
    roles: Mapping[int, Role] | None = None,
    *,
    batch_goes_before: bool = True,
) -> Axes:
    """The axes of all values that are computed from the image.

    Args:
        steps: The forward pass.
        image: The input; its first axis is the batch.
        roles: The roles of the image's other axes, where they are known; without them, operators tell them.
        batch_goes_before: Of what a Reshape takes a batch of one for a factor, as in ``regroup``.
    """
    shape, when = shape_of(image), count(1)
    axes: Axes = {image: tuple((Factor(_size(size)),) for size in shape)}
    axes[image][0][0].meaning.tell(Role.BATCH, 0)
    places = sorted(axis for axis, role in (roles or {}).items() if role is Role.PLACES)
    for axis, role in (roles or {}).items():
        axes[image][axis][0].meaning.tell(role, 0, places.index(axis) if role is Role.PLACES else None)
    for step in steps:
        if any(x in axes for x in step.inputs):
            for y in step.outputs:
                if y.shape is not None:
                    axes[y] = tuple((Factor(_size(size)),) for size in shape_of(y))
            _carry(step, axes, batch_goes_before=batch_goes_before)
            for value, axis, role in told_by(step):
                _tell(axes, value, axis, role, next(when))
    return axes


def _size(size: int | None) -> int:
    return SYMBOLIC_BATCH if size is None else size


def _tell(axes: Axes, value: ir.Value, axis: int, role: Role, when: int) -> None:
    """Enters the role of an axis that is one factor; which factor of several is meant, nothing tells."""
    if value in axes and len(axes[value][axis]) == 1:
        axes[value][axis][0].meaning.tell(role, when)


def _carry(step: Step, axes: Axes, *, batch_goes_before: bool) -> None:
    """Gives the outputs the axes that they have from the inputs."""
    if step.op_type in RESHAPES:
        if step.x in axes and step.y in axes:
            exact = _unsqueezed(step, axes[step.x]) if step.op_type == "Unsqueeze" else None
            grouped = exact or regroup(axes[step.x], shape_of(step.y), batch_goes_before=batch_goes_before)
            axes[step.y] = grouped or axes[step.y]
        return
    if step.op_type == "Concat":
        _concat(step, axes)
        return
    taken = taken_by(step)
    if taken is not None:
        for output, y in enumerate(step.outputs):
            if y in axes:
                axes[y] = without(axes[step.x], [item for item in taken if item.output == output])
        return
    for link in links_of(step):
        x, y = step.inputs[link.input], step.outputs[link.output]
        if x in axes and y in axes:
            _join(axes, y, link.y_axis, axes[x][link.x_axis], same=link.how is not How.OTHER)
    tell_extents(step, axes)


def _join(axes: Axes, y: ir.Value, axis: int, source: Axis, *, same: bool) -> None:
    """Gives an output's axis the factors of an input's, or only their meaning if it has another size.

    Of a map and the transposed map, added to each other, no axis is a side of the image.
    """
    own = axes[y][axis]
    if run_apart([own, source]):
        _mix(axes, y, axis)
        return
    if same and _knows_more(source, own):
        axes[y] = (*axes[y][:axis], source, *axes[y][axis + 1 :])
    if len(own) == len(source) == 1 and (same or source[0].role is not Role.BATCH):
        own[0].meaning.merge(source[0].meaning)


def _knows_more(axis: Axis, other: Axis) -> bool:
    """Whether the first of two axes of one size is the better known; factors and roles are knowledge."""
    return (len(axis), _known(axis)) > (len(other), _known(other)) or not any(factor.role for factor in other)


def _known(axis: Axis) -> tuple[int, int]:
    """How many factors count something known, and how many of them all of it."""
    known = [factor for factor in axis if factor.role not in {None, Role.MIXTURE} or factor.places]
    return len(known), sum(factor.extent is not Extent.PART for factor in known)


def _mix(axes: Axes, y: ir.Value, axis: int) -> None:
    """Makes an axis one that has places along different sides of the image."""
    mixture = (Factor(_size(shape_of(y)[axis]), Meaning.mixture()),)
    axes[y] = (*axes[y][:axis], mixture, *axes[y][axis + 1 :])


def _unsqueezed(step: Step, x: tuple[Axis, ...]) -> tuple[Axis, ...] | None:
    """The axes with new ones between them; sizes do not tell a new axis from a batch of one."""
    places = step.constant(1)
    if places is None:
        return None
    rank = len(shape_of(step.y))
    new, old = {int(place) % rank for place in places.ravel()}, iter(x)
    return tuple((Factor(1),) if place in new else next(old) for place in range(rank))


def _concat(step: Step, axes: Axes) -> None:
    """Along the axis: tokens, if there are places in one input alone, beside others; else an axis of its own.

    Rows joined to columns, or a map to another one beside it, are no side of the image; the parts of one are.
    """
    rank = len(shape_of(step.y))
    along = int(step.attributes.get("axis", 0)) % rank
    inputs = [x for x in step.inputs if x is not None]
    for x in inputs:
        for axis in range(rank if x in axes else 0):
            _join(axes, step.y, axis, axes[x][axis], same=axis != along)
    with_places = [x for x in inputs if x in axes and is_places(axes[x][along])]
    whole = [x for x in with_places if all(factor.extent is not Extent.PART for factor in axes[x][along])]
    if len(whole) > 1:
        _mix(axes, step.y, along)
    elif whole and len(axes[step.y][along]) == 1:
        axes[step.y][along][0].extent = Extent.BORDER
    tokens = [x for x in inputs if x in axes and (is_places(axes[x][along]) or axes[x][along][0].places)]
    if len(tokens) == 1 and len(inputs) > 1:
        (x,) = tokens
        skip = sum(_size(shape_of(other)[along]) for other in inputs[: inputs.index(x)]) + axes[x][along][0].skip
        factor = Factor(_size(shape_of(step.y)[along]), skip=skip, places=axes[x][along][0].places or axes[x][along])
        axes[step.y] = (*axes[step.y][:along], (factor,), *axes[step.y][along + 1 :])
