"""The boxes of a detection head in pixels of the input, from what the network writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxcam_export.errors import ExportError
from onnxcam_export.read.detection import several

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.builder import Builder
    from onnxcam_export.read.detection import HeadOutputs

    Size = tuple[int, int]
    Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Part:
    """An output of a head.

    Attributes:
        value: It.
        anchors: A.
        values: F.
        turns: Whether its anchors come after its values: [N, F, A] or [N, F, h, w].
    """

    value: ir.Value
    anchors: int
    values: int
    turns: bool


def in_pixels(op: Builder, head: HeadOutputs, parts: Sequence[Part], boxes: Sequence[ir.Value], size: Size) -> ir.Value:
    """The boxes of all scales, as corners or as centres and sizes, [N, A, 4].

    Args:
        op: The builder.
        head: How they are written.
        parts: The outputs of the boxes, one for each scale.
        boxes: Their values as [N, A, F].
        size: The input's height and width.

    Raises:
        ExportError: The number of anchors is not that of the priors.
    """
    sides = np.array([size[1], size[0]] * 2)
    if head.box == "distances":
        factor: dict[str, int | Array] = {"pixels": 1, "share": sides}
        strides = several(head.strides)
        scales = zip(parts, boxes, strides, strict=True)
        return joined(
            op,
            [
                _from_distances(op, _means(op, part, x), factor.get(head.unit or "", stride), _centres(stride, size))
                for part, x, stride in scales
            ],
        )
    every = joined(op, boxes)
    if head.box == "offsets":
        every = _from_offsets(op, every, np.array(head.priors), head.variances, sum(part.anchors for part in parts))
    if head.box == "corners_yx":
        every = op.Gather(every, [1, 0, 3, 2], axis=2)
    return op.Mul(every, _typed(op, sides)) if head.unit == "share" else every


def joined(op: Builder, scales: Sequence[ir.Value]) -> ir.Value:
    """The anchors of all scales, one after the other."""
    return scales[0] if len(scales) == 1 else op.Concat(*scales, axis=1)


def cells_of(stride: int, size: Size) -> Size:
    """The rows and columns of cells of one scale."""
    return (-(-size[0] // stride), -(-size[1] // stride))


def _centres(stride: int, size: Size) -> Array:
    """The centres of a scale's cells, [A, 2], in pixels."""
    down, across = cells_of(stride, size)
    y, x = np.divmod(np.arange(down * across), across)
    return stride * (np.stack([x, y], 1) + 0.5)


def _means(op: Builder, part: Part, distances: ir.Value) -> ir.Value:
    """The distances [N, A, 4]: those of a distribution over 0 … R - 1 are its means."""
    bins = part.values // 4
    if bins == 1:
        return distances
    shares = op.Softmax(op.Reshape(distances, [0, part.anchors, 4, bins]), axis=-1)
    return op.Reshape(op.MatMul(shares, _typed(op, np.arange(bins)[:, None])), [0, part.anchors, 4])


def _from_distances(op: Builder, distances: ir.Value, factor: int | Array, centres: Array) -> ir.Value:
    """The corners, from the distances of left, top, right and bottom to the centres of the cells."""
    signed = factor * np.array([-1, -1, 1, 1])
    return op.Add(op.Mul(distances, _typed(op, signed)), _typed(op, np.tile(centres, 2)[None]))


def _from_offsets(op: Builder, t: ir.Value, p: Array, variances: Sequence[float], anchors: int) -> ir.Value:
    """Centres ``p + t v w`` and sizes ``w exp(t v)`` of priors with the sizes w, as SSD writes them."""
    if len(p) != anchors:
        raise ExportError(f"there are {len(p)} priors for {anchors} anchors; give one for each")
    of_centre, of_size = variances
    centres, sizes = _typed(op, p[None, :, :2]), _typed(op, p[None, :, 2:])
    moved = op.Add(op.Mul(op.Gather(t, [0, 1], axis=2), _typed(op, of_centre * p[None, :, 2:])), centres)
    grown = op.Mul(op.Exp(op.Mul(op.Gather(t, [2, 3], axis=2), _typed(op, np.array(of_size)))), sizes)
    return op.Concat(moved, grown, axis=2)


def _typed(op: Builder, array: Array) -> Array:
    return np.asarray(array, op.dtype.numpy())
