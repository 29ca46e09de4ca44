"""Which values of four axes have places: h and w are positions in the image, not tokens, heads or features.

A map has places where a convolution, pooling by windows or of whole maps, or resizing reads or writes it, and so have
the maps that it is computed from or into element by element. What attention computes, heads by tokens by features, has
four axes as well, and no such neighbour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.graph.steps import Step, reduced_axes, shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

_BY_PLACE = frozenset(
    (
        *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "LRN"),
        *("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"),
        *("Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "GridSample"),
    )
)
_REDUCTIONS = frozenset(("ReduceMean", "ReduceMax", "ReduceSum", "ReduceL2"))
_MIXING = frozenset(("MatMul", "Einsum", "Softmax", "LogSoftmax", "Transpose", "Reshape", "CumSum"))
_RANK = 4


def with_places(steps: Sequence[Step]) -> set[ir.Value]:
    """The values [N, K, h, w] whose h and w are positions in the image."""
    found: set[ir.Value] = set()
    for step in steps:
        if step.op_type in _BY_PLACE or _reduces_places(step):
            found.update(value for value in (step.x, *step.outputs) if _has_four_axes(value))
    count = -1
    while count != len(found):  # along chains of elementwise steps, in both directions
        count = len(found)
        for step in (*steps, *reversed(steps)):
            alike = _alike(step)
            if found.intersection(alike):
                found.update(alike)
    return found


def _reduces_places(step: Step) -> bool:
    """Whether the step reduces each map to a number."""
    return step.op_type in _REDUCTIONS and _has_four_axes(step.x) and reduced_axes(step) == [2, 3]


def _alike(step: Step) -> list[ir.Value]:
    """The maps that the step relates element by element, or part by part along the channels."""
    if step.op_type in _MIXING or not _has_four_axes(step.y):
        return []
    along_channels = step.op_type in {"Concat", "Split", "Slice"}
    values = [value for value in (*step.inputs, *step.outputs) if value is not None and _has_four_axes(value)]
    start = 2 if along_channels else 1
    size = shape_of(step.y)[start:]
    return [value for value in values if shape_of(value)[start:] == size]


def _has_four_axes(value: ir.Value) -> bool:
    return value.shape is not None and len(value.shape) == _RANK
