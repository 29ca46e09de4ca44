"""The values that every path from the image to the score goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.steps import Step


def bottlenecks(steps: Sequence[Step], between: Collection[ir.Value]) -> set[ir.Value]:
    """The values without which the score would not depend on the image.

    In the order of the graph, these are the values that no step passes over: none reads an earlier value and writes a
    later one.

    Args:
        steps: The forward pass.
        between: The values on a path from the image to the score.
    """
    written = [y for step in steps for y in step.outputs if y in between]
    sources = [value for value in between if value not in set(written)]
    order = {value: index for index, value in enumerate([*sources, *written])}
    furthest = dict.fromkeys(order, 0)
    for step in steps:
        last = max((order[y] for y in step.outputs if y in order), default=0)
        for x in step.inputs:
            if x is not None and x in order:
                furthest[x] = max(furthest[x], last)
    found: set[ir.Value] = set()
    passed = 0
    for value, index in order.items():
        if passed <= index:
            found.add(value)
        passed = max(passed, furthest[value])
    return found
