"""Refuses scores that are random: dropout that stays on, noise, samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.errors import ScoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from onnxcam_export.graph.steps import Step

_RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}


def require_repeatable(steps: Sequence[Step], value: ir.Value) -> None:
    """Refuses a value that differs from run to run, for which no gradient is the right one.

    Args:
        steps: The forward pass.
        value: The scores, or another output.

    Raises:
        ScoreError: It is computed from random numbers; the message names the operator that draws them.
    """
    before = {value}
    for step in reversed(steps):
        if before.isdisjoint(step.outputs):
            continue
        if _draws(step):
            raise ScoreError(
                f"{value.name!r} is random, since {step} draws random numbers, which is not supported; {_remedy(step)}"
            )
        before.update(x for x in step.inputs if x is not None)


def _draws(step: Step) -> bool:
    """Whether a step draws random numbers; a dropout does in training mode alone."""
    if step.op_type != "Dropout":
        return step.op_type in _RANDOM
    training = step.constant(2)
    return training is not None and bool(training.any())


def _remedy(step: Step) -> str:
    if step.op_type != "Dropout":
        return "take the random numbers out of the model"
    return "call .eval() before the model is captured, and give F.dropout training=self.training"
