"""What operators tell of the axes that they read and write: which are channels, and which are places.

A convolution has its channels on axis 1 and places from axis 2 on, whatever their sizes; so have pooling, and resizing
along the axes that it resizes. Nothing is told by sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.analyse.axes.factors import Role
from onnxcam_export.graph.steps import Step, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx_ir as ir

    Told = tuple[ir.Value, int, Role]

_MAPS = frozenset(
    (
        *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "LRN", "InstanceNormalization"),
        *("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "DepthToSpace", "SpaceToDepth", "GridSample"),
    )
)
_BY_CHANNEL = frozenset(("BatchNormalization", "GroupNormalization"))
_RESIZING = frozenset(("Resize", "Upsample"))


def told_by(step: Step) -> Iterator[Told]:
    """The axes of the step's values that it gives a role."""
    if step.op_type in _MAPS | _RESIZING | _BY_CHANNEL and (step.x.shape is None or step.y.shape is None):
        return
    if step.op_type in _MAPS:
        for value in (step.x, step.y):
            yield from _map(value)
    elif step.op_type in _BY_CHANNEL:
        yield (step.x, 1, Role.CHANNELS)
    elif step.op_type in _RESIZING:
        before, after = shape_of(step.x), shape_of(step.y)
        for axis, size in enumerate(before):
            if size != after[axis]:
                yield (step.x, axis, Role.PLACES)


def _map(value: ir.Value) -> Iterator[Told]:
    rank = 0 if value.shape is None else len(value.shape)
    for axis in range(1, rank):
        yield (value, axis, Role.CHANNELS if axis == 1 else Role.PLACES)
