"""The reason why no gradient leads from the scores to the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.steps import Step

_CONTROL_FLOW = {"If", "Loop", "Scan"}


def why_disconnected(steps: Sequence[Step], image: ir.Value, score: ir.Value) -> str:
    """A sentence with the reason, and what to do."""
    before = {score}
    for step in reversed(steps):
        if before.isdisjoint(step.outputs):
            continue
        if step.op_type in _CONTROL_FLOW:
            return (
                f"the score {score.name!r} is computed by the {step.op_type} node {step.name!r}, and a network inside "
                "an If, Loop or Scan is not supported; export the model without control flow"
            )
        before.update(x for x in step.inputs if x is not None)
    return (
        f"the score {score.name!r} does not depend on the input {image.name!r} in a differentiable way; "
        "name another output with score_output (--score-output), or another input with --input"
    )
