"""The places of boxes, classes and objectness in a raw detection head, as the user names them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from onnxcam.metadata import DetectionHead, Preprocessing
from onnxcam.metadata_checks import head_contradictions
from onnxcam.strict_json import InvalidJsonError, decoded
from onnxcam.text import shown
from onnxcam_export.errors import ExportError
from onnxcam_export.read.preprocessing.customary import takes_integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.metadata import ImageInput

Given = str | Mapping[str, Any]

# The grey around images that these networks are trained with.
_GREY = 114
# The values before the classes in each family: the box, and perhaps the objectness.
_FAMILIES: dict[str, dict[str, Any]] = {
    "yolov8": {"anchors": 1, "classes": 4},
    "yolov5": {"anchors": 0, "classes": 5, "objectness": 4},
}


def checked_detection(given: Given | None, shape: Sequence[int], labels: Sequence[str] | None) -> DetectionHead | None:
    """The detection head that the user names.

    Args:
        given: ``yolov8`` for heads [4 + C, A], as also v9 and v11 have them; ``yolov5`` for heads [A, 5 + C]; or a
            mapping with the fields of ``DetectionHead``.
        shape: The shape of the scores without the batch.
        labels: The class names, or None.

    Raises:
        ExportError: It is none of these, or does not fit the scores.
    """
    if given is None:
        return None
    fields = _FAMILIES.get(given) if isinstance(given, str) else given
    if not isinstance(fields, Mapping):
        raise ExportError(f"detection is 'yolov8', 'yolov5' or a mapping of {_fields()}, not {shown(given)}")
    if unknown := [name for name in fields if name not in DetectionHead.__dataclass_fields__]:
        raise ExportError(f"detection has an unknown field: {shown(unknown[0])}; its fields are {_fields()}")
    if len(shape) != 2:
        raise ExportError(
            f"a detection head is [A, F] or [F, A], and the scores are {list(shape)}; name the head with score_output"
        )
    values = shape[1 - fields["anchors"]] if fields.get("anchors") in {0, 1} else 0
    rest = {"count": values - fields["classes"]} if isinstance(fields.get("classes"), int) and values else {}
    head = _decoded({**rest, **fields})
    for contradiction in head_contradictions(head, shape, labels):
        raise ExportError(f"the detection head does not fit the scores {list(shape)}: {contradiction}")
    return head


def usual_preprocessing(image: ImageInput) -> Preprocessing | None:
    """The letterbox that YOLO networks are trained with; None if the input takes no floating-point colours."""
    if not image.is_picture or image.channels != 3 or takes_integers(image):
        return None
    return Preprocessing(
        None, (image.height, image.width), mean=(0.0,) * 3, std=(1.0,) * 3, assumed=True, letterbox=_GREY
    )


def _decoded(fields: Mapping[str, Any]) -> DetectionHead:
    try:
        return decoded(json.dumps(fields), DetectionHead)
    except (InvalidJsonError, TypeError, ValueError) as error:
        raise ExportError(f"detection is no description of a head: {shown(str(error))}") from error


def _fields() -> str:
    return ", ".join(DetectionHead.__dataclass_fields__)
