"""Reads nested concatenations as what they are, in networks whose layers see all layers before them.

DenseNet concatenates f0 … fk for one layer and f0 … fk+1 for the next. Read as written, each of the k gradients of a
concatenation is split off and added by itself, which makes nodes by the square of the depth. The second concatenation
equals the first with one map more, and is read so: one split and one sum a layer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.steps import Step


def nest(steps: Sequence[Step]) -> list[Step]:
    """The steps, each ``Concat`` that begins like an earlier one reading that one's output instead."""
    known: dict[tuple[object, ...], ir.Value] = {}
    nested = []
    for step in steps:
        if step.op_type != "Concat":
            nested.append(step)
            continue
        axis, inputs = step.attributes.get("axis"), step.inputs
        known.setdefault((axis, *inputs), step.y)
        longest = next((n for n in range(len(inputs) - 1, 1, -1) if (axis, *inputs[:n]) in known), None)
        if longest is not None:
            step = replace(step, inputs=(known[axis, *inputs[:longest]], *inputs[longest:]))  # noqa: PLW2901
        nested.append(step)
    return nested
