"""Upsample, and Resize of opset 10: an output's first place lies on the input's first, not half a place inside.

Opset 11 gave Resize coordinates, half a place inside by default, and the version converter leaves the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Collection

_WITH_COORDINATES = 11


def resized_the_old_way(graph: ir.Graph, opset: int) -> set[str]:
    """The names of the values that are resized so, before the graph is upgraded."""
    if opset >= _WITH_COORDINATES:
        return set()
    return {node.outputs[0].name or "" for node in graph if node.op_type in {"Upsample", "Resize"}}


def state_coordinates(graph: ir.Graph, resized: Collection[str]) -> None:
    """Says in the upgraded graph how the values are resized, in place."""
    for node in graph:
        if node.op_type == "Resize" and node.outputs[0].name in resized:
            node.attributes["coordinate_transformation_mode"] = ir.AttrString(
                "coordinate_transformation_mode", "asymmetric"
            )
            node.attributes["nearest_mode"] = ir.AttrString("nearest_mode", "ceil" if _shrinks(node) else "floor")


def _shrinks(node: ir.Node) -> bool:
    """Whether there are fewer places after it; ONNX Runtime then takes the next one, and the one before otherwise."""
    scales = ir.convenience.get_const_tensor(node.inputs[2]) if node.inputs[2] is not None else None
    return scales is not None and bool((scales.numpy() < 1).any())
