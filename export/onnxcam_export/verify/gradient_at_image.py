"""Verifies the gradient at the image, which need not be a derivative.

Guided backpropagation has the plain gradient's rules and another rule at the rectifiers, so differences cannot verify
it. So the plain gradient at the image, made by the same walk from the same steps, is compared with differences; the
rule at every rectifier is computed again in NumPy, from the gradients that reach and leave it; and the artifact's
guided gradient must equal the one of this probe.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam import contract
from onnxcam.execution.golden import relative_error
from onnxcam_export.differentiate.rule import Treatment
from onnxcam_export.verify import central_differences, probe_models
from onnxcam_export.verify.central_differences import along_parts_of_gradient, random_direction
from onnxcam_export.verify.comparison import tolerance
from onnxcam_export.verify.probe_models import fed, score_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.differentiate.tables import InputGradient, Table
    from onnxcam_export.verify.comparison import Array, Comparison

IMAGE_GRADIENT = "plain gradient at the image"
RECTIFIER_RULE = "guided rule at the rectifiers"
RECTIFIER_ALLOWED = 1e-4  # both sides are one float32 product
GUIDED_NOTE = (
    "the guided gradient is not a derivative, so differences cannot verify it: the plain gradient at the image, from "
    "the same steps, was compared with differences, and the guided rule in NumPy at every rectifier"
)


class GradientAtImage:
    """The probe models for the gradient at the image."""

    def __init__(self, forward: Forward, input_gradient: InputGradient, rules: Table) -> None:
        """Makes them; the forward pass must not be assembled yet.

        Args:
            forward: The prepared forward pass.
            input_gradient: The gradient at the input, with its rules.
            rules: The rules of the gradients at the layers, which are those of the plain gradient.
        """
        self._image = forward.image_input.name
        self._from_image = probe_models.cut(forward, forward.image)
        self._gradient = input_gradient
        self._traced, self._rectifiers = probe_models.traced(forward, input_gradient, rules)
        treated = [(step, input_gradient.treatment(step)) for step in forward.steps]
        self._own = [str(step) for step, treatment in treated if treatment is Treatment.OWN]

    def compare(self, comparison: Comparison, inputs: Mapping[str, Array], v: Array, got: Mapping[str, Any]) -> None:
        """Compares one run at level 2 that has a row of v for each image."""
        outputs = [item.name for item in self._traced.get_outputs()]
        feeds = fed(self._traced, {**inputs, contract.SEED_INPUT: v})
        seen = dict(zip(outputs, self._traced.run(outputs, feeds), strict=True))
        output, plain = self._gradient.output, seen[probe_models.PLAIN_GRADIENT]
        if self._own:
            comparison.note(f"not compared: {output}, made with rules of the caller's own: {'; '.join(self._own)}")
        else:
            comparison.add(output, relative_error(got[output], seen[output]), tolerance(output))
        image, slope = inputs[self._image].astype(np.float64), plain[:1].astype(np.float64)
        y = score_at(self._from_image, inputs, image, 0, v[0])
        directions = chain(along_parts_of_gradient(slope), random_direction(slope))
        found = central_differences.compare(y, image[:1], slope, directions, central_differences.IMAGE_LADDER)
        found.enter(comparison, IMAGE_GRADIENT)
        if self._rectifiers:
            comparison.add(RECTIFIER_RULE, self._rectifier_error(seen), RECTIFIER_ALLOWED)
        if self._gradient.name == "guided":
            comparison.note(GUIDED_NOTE)

    def _rectifier_error(self, seen: Mapping[str, Array]) -> float:
        """The largest error of the rule at a rectifier, computed in NumPy from the gradients that reach and leave it.

        Guided: ``dx = relu(dy) f'(x) [x > 0]`` (Springenberg et al. 2015). Deconvnet: ``dx = relu(dy)`` (Zeiler &
        Fergus 2014).
        """
        errors = []
        for index, treatment in enumerate(self._rectifiers):
            x, dy, dx, slope = (seen[f"{probe_models.TRACE}{index}/{part}"] for part in ("x", "dy", "dx", "slope"))
            guided = treatment is Treatment.GUIDED
            errors.append(relative_error(dx, np.maximum(dy, 0) * (slope * (x > 0) if guided else 1)))
        return max(errors)
