"""The reason why a network has no feature maps to explain at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.graph.steps import shape_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    import onnx_ir as ir

    from onnxcam_export.graph.steps import Step


def why_no_map(
    steps: Sequence[Step], between: AbstractSet[ir.Value], image: ir.Value, *, single_places: bool, fixed: bool
) -> str:
    """A sentence with the reason, and what to do.

    Args:
        steps: The forward pass.
        between: The values between the image and the score.
        image: The image input.
        single_places: Whether there are maps of a single place.
        fixed: Whether the model fixes the image's size.
    """
    where = f"lies between the input {image.name!r} {shape_text(image)} and the score"
    if single_places:
        advice = (
            "the model fixes this size, so export the network for a larger one"
            if fixed
            else "give a larger input_shape (--input-size)"
        )
        return f"no feature map with more than one place {where}; {advice}"
    strange = [step for step in steps if step.op_type not in PLAIN and not between.isdisjoint(step.outputs)]
    first = f"; {strange[0]} is not supported either" if strange else ""
    return f"no feature map {where}, only values without places, and such networks are not supported{first}"
