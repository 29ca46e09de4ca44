"""Makes a batch that is fixed to one symbolic while the gradient is written, which has a row for each target.

Files of a fixed batch have its 1 in every shape, and merged with others in some, as [1, 64, 49, C] in the windows of
Swin, [64, 49, C]. Only with a symbol in the shapes can the gradient's rules tell where the rows go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam_export.analyse.axes.factors import contains_batch
from onnxcam_export.analyse.axes.follow import RESHAPES
from onnxcam_export.analyse.axes.links import How, links_of
from onnxcam_export.analyse.axes.taken import taken_by
from onnxcam_export.analyse.axes.views import batch_lost_at
from onnxcam_export.errors import ScoreError
from onnxcam_export.graph.steps import shape_of
from onnxcam_export.read.files.dynamic_batch import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from onnxcam_export.analyse.axes.follow import Axes
    from onnxcam_export.graph.steps import Step


def has_batch(axes: Axes, values: Iterable[ir.Value]) -> bool:
    """Whether the batch could be followed to all of the values, to one axis each."""
    return all(len(_places(axes, value)) == 1 for value in values)


def require_apart(axes: Axes, steps: Sequence[Step], values: AbstractSet[ir.Value]) -> None:
    """Requires that every step keeps the batch apart, where an explanation has its targets.

    With one image, a sum or a softmax over the batch is harmless. In the gradient, it would add up the rows of several
    targets.

    Args:
        axes: The axes of values.
        steps: The forward pass.
        values: The values that are differentiated.

    Raises:
        ScoreError: A step computes along the batch, or the batch could not be followed.
    """
    followed = has_batch(axes, values)
    mixing = first_mixing(axes, steps, values) if followed else batch_lost_at(steps, axes, values)
    if mixing is not None or not followed:
        where = "the model" if mixing is None else f"{mixing}"
        raise ScoreError(
            f"{where} computes along the batch, which is fixed to one, and where an explanation has its targets; this "
            "is not supported: change the model to compute along the axes after the batch"
        )


def first_mixing(axes: Axes, steps: Sequence[Step], values: AbstractSet[ir.Value]) -> Step | None:
    """The first step that does more along the batch than to keep it apart; None if there is none."""
    return next((step for step in steps if not values.isdisjoint(step.outputs) and _mixes(axes, step, values)), None)


def _mixes(axes: Axes, step: Step, values: AbstractSet[ir.Value]) -> bool:
    if step.op_type in RESHAPES:
        return False
    inputs = [(index, x) for index, x in enumerate(step.inputs) if x is not None and x in values]
    batches = {(index, axis) for index, x in inputs for axis in _places(axes, x)}
    if step.op_type == "Concat":
        along = int(step.attributes.get("axis", 0)) % len(shape_of(step.y))
        return any(axis == along for _, axis in batches)
    taken = taken_by(step)
    if taken is not None:
        return any((0, item.axis) in batches for item in taken)
    kept = {(link.input, link.x_axis) for link in links_of(step) if link.how is How.SAME}
    return not batches <= kept


def open_batch(axes: Axes) -> dict[ir.Value, ir.Shape]:
    """Writes the batch as a symbol into the shapes of the values that have it, in place; their shapes before.

    Args:
        axes: The axes of values. All that have a gradient must have the batch, since a rule would take an axis with a
            symbol and one without for different ones.
    """
    before = {}
    for value in axes:
        places = _places(axes, value)
        if len(places) == 1 and value.shape is not None:
            before[value] = value.shape
            size = shape_of(value)[places[0]]
            symbol = BATCH if size == 1 else f"{size}*{BATCH}"
            value.shape = ir.Shape([symbol if axis == places[0] else n for axis, n in enumerate(value.shape)])
    return before


def _places(axes: Axes, value: ir.Value) -> list[int]:
    return [index for index, axis in enumerate(axes.get(value, ())) if contains_batch(axis)]
