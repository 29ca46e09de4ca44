"""Makes a batch that is fixed to one symbolic while the gradient is written, which has a row for each target.

Files of a fixed batch have its 1 in every shape, and merged with others in some, as [1, 64, 49, C] in the windows of
Swin, [64, 49, C]. Only with a symbol in the shapes can the gradient's rules tell where the rows go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam_export.analyse.axes.factors import contains_batch
from onnxcam_export.graph.steps import shape_of
from onnxcam_export.read.dynamic_batch import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxcam_export.analyse.axes.follow import Axes


def has_batch(axes: Axes, values: Iterable[ir.Value]) -> bool:
    """Whether the batch could be followed to all of the values, to one axis each."""
    return all(len(_places(axes, value)) == 1 for value in values)


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
