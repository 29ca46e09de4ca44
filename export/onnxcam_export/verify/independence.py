"""Refuses models whose scores of one image depend on the other images of the batch.

No map of one image explains such scores, and the images of a batch would change each other's maps without a word. This
is measured, since there are many ways to mix images: attention over the first axis, statistics of the batch, a running
sum, a neighbour's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir.passes.common as common_passes

from onnxcam.execution.golden import relative_error
from onnxcam_export.errors import ScoreError
from onnxcam_export.graph.session import open_model
from onnxcam_export.graph.steps import FLOATS
from onnxcam_export.verify import probe_models
from onnxcam_export.verify.inputs import noise, ones

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.verify.comparison import Array

# The relative change of an image's scores beside other images, by rounding alone: none was seen.
ALLOWED = 1e-4


def require_independent(forward: Forward) -> None:
    """Compares the scores of the first and the last image of a batch with their scores among images of zeros.

    Args:
        forward: The prepared forward pass, which is not changed.

    Raises:
        ScoreError: The image's scores depend on the others; the message names the first step whose value does.
    """
    if forward.image_input.batch == 1:
        return
    try:
        mixed = _mixed(forward, [forward.score.value])
    except Exception:  # noqa: BLE001 — ONNX Runtime's have no common base; where it cannot run the model, verifying says so
        return
    if not mixed:
        return
    mixed = _mixed(forward, [y for step in forward.steps for y in step.outputs if _is_of_images(y, forward.image)])
    where = next((f", from {step} on" for step in forward.steps if mixed.intersection(step.outputs)), "")
    raise ScoreError(
        f"the scores of an image depend on the other images of its batch{where}; no map of one image explains them, so "
        "this is not supported; change the model to score each image by itself"
    )


def _is_of_images(value: ir.Value, image: ir.Value) -> bool:
    """Whether it has a row of numbers for each image."""
    of_value, of_image = (list(each.shape or ())[:1] for each in (value, image))
    return value.dtype in FLOATS and of_value == of_image


def _mixed(forward: Forward, values: Sequence[ir.Value]) -> set[ir.Value]:
    """Those of the values whose row of one image changes with the other images, but not from run to run."""
    model, copies = probe_models.copied(forward)
    model.graph.outputs[:] = [copies[value.name or ""] for value in values]
    common_passes.RemoveUnusedNodesPass()(model)
    session, names = open_model(model), [value.name or "" for value in values]
    image, batch = forward.image_input, forward.image_input.batch or 2

    def answers(images: Array) -> list[Array]:
        inputs = {image.name: images, **ones(session, {image.name}, batch)}
        return list(session.run(names, probe_models.fed(session, inputs)))

    images = noise(np.random.default_rng(0), (batch, *image.shape), image.dtype)
    first, last = np.zeros_like(images), np.zeros_like(images)
    first[0], last[-1] = images[0], images[-1]
    whole = answers(images)
    ends = zip(whole, answers(first), answers(last), strict=True)
    mixed = [_changes(y[0], alone[0]) or _changes(y[-1], other[-1]) for y, alone, other in ends]
    again = answers(images) if any(mixed) else whole
    return {
        value
        for value, mixes, y, same in zip(values, mixed, whole, again, strict=True)
        if mixes and not _changes(y, same)
    }


def _changes(a: Array, b: Array) -> bool:
    """Whether two finite rows differ by more than rounding."""
    return bool(np.isfinite(a).all() and np.isfinite(b).all()) and relative_error(a, b) > ALLOWED
