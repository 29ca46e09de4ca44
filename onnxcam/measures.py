"""What JSON says of an explanation: the ranges and peaks of its arrays, and its boxes.

Positions are in pixels of the upright image, to a tenth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.explanation import Explanation
    from onnxcam.photograph.geometry import Geometry


def range_of(values: Floats) -> dict[str, Any]:
    """The shape of an array, its minimum and its maximum."""
    return {"shape": list(values.shape), "minimum": float(values.min()), "maximum": float(values.max())}


def peak_of(values: Floats, placed: Geometry) -> list[float]:
    """The centre of a map's highest cell, [x, y].

    Args:
        values: [h, w].
        placed: The place of the model's input on the image.
    """
    height, width = values.shape
    return [round(edge, 1) for edge in placed.centre_of(divmod(int(values.argmax()), width), (width, height))]


def boxes_of(explanation: Explanation, placed: Geometry) -> list[dict[str, Any]]:
    """The boxes of a detection model: [left, top, right, bottom]."""
    return [
        {
            "label": explanation.metadata.label_of(box.c),
            "index": box.c,
            "confidence": box.confidence,
            "box": [round(edge, 1) for edge in placed.on_photograph(box.corners)],
        }
        for box in explanation.boxes()
    ]
