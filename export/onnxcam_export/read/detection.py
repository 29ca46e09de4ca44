"""The places of boxes, classes and objectness in a detection head, as the user names them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import numpy as np
from msgspec import Meta

from onnxcam.metadata import DetectionHead, Preprocessing
from onnxcam.metadata_checks import head_contradictions
from onnxcam.strict_json import InvalidJsonError, Name, Side, decoded
from onnxcam.text import listed, shown
from onnxcam_export.errors import ExportError
from onnxcam_export.read.preprocessing.customary import takes_integers
from onnxcam_export.read.text_files import parse_json, read_text

if TYPE_CHECKING:
    from onnxcam.metadata import ImageInput

Given = str | os.PathLike[str] | Mapping[str, Any]
_T = TypeVar("_T")

# The grey around images that YOLO networks are trained with.
_GREY = 114
# The values before the classes in each family: the box, and perhaps the objectness.
_FAMILIES: dict[str, dict[str, Any]] = {
    "yolov8": {"anchors": 1, "classes": 4},
    "yolov5": {"anchors": 0, "classes": 5, "objectness": 4},
}


@dataclass(frozen=True, slots=True)
class HeadOutputs:
    """A head whose class scores and boxes are several outputs: two, or two for each scale.

    Each is [N, A, F], [N, F, A] or a map [N, F, h, w] of A = h w anchors, with F = C for the scores, and 4 for boxes.

    Attributes:
        scores: The outputs with the class scores.
        boxes: Those with the boxes, in the same order.
        objectness: Those with what the class scores are multiplied by, F = 1; none if there is none.
        box: How a box is written: ``center`` (centre x, centre y, width, height), ``corners`` (left, top, right,
            bottom), ``corners_yx`` (top, left, bottom, right), ``distances`` (of left, top, right and bottom from the
            centre of the anchor's cell; with F = 4 R, each the mean of 0 … R - 1 by the softmax of its R values), or
            ``offsets`` (of priors, as SSD has them).
        unit: ``pixels`` of the input, ``share`` of its width and height, or ``strides``. None is strides for distances,
            and pixels for all else. Of offsets, it is the unit of the priors.
        activation: As in ``onnxcam.metadata.DetectionHead``.
        background: As there.
        strides: The pixels of a cell's side at each scale, for distances.
        priors: [A, 4], centre x, centre y, width, height, for offsets.
        variances: The factors of an offset's centre and size.
    """

    scores: Name | tuple[Name, ...]
    boxes: Name | tuple[Name, ...]
    objectness: Name | tuple[Name, ...] = ()
    box: Literal["center", "corners", "corners_yx", "distances", "offsets"] = "corners"
    unit: Literal["pixels", "share", "strides"] | None = None
    activation: Literal["sigmoid", "softmax"] | None = None
    background: Annotated[int, Meta(ge=0, le=2**16)] | None = None
    strides: Side | tuple[Side, ...] = ()
    priors: tuple[tuple[float, ...], ...] = ()
    variances: tuple[float, ...] = (0.1, 0.2)

    @property
    def names(self) -> list[str]:
        """All outputs: of scores, of boxes, of objectness."""
        return [*several(self.scores), *several(self.boxes), *several(self.objectness)]

    @property
    def scales(self) -> int:
        """The number of scales."""
        return len(several(self.scores))


Head = HeadOutputs | Mapping[str, Any]


def several(one: Any) -> tuple[Any, ...]:
    """A value that may be given alone, as one of several."""
    return tuple(one) if isinstance(one, tuple) else (one,)


def read_detection(given: Given | None) -> Head | None:
    """The detection head that the user names.

    Args:
        given: ``yolov8`` for heads [4 + C, A], as also v9 and v11 have them; ``yolov5`` for heads [A, 5 + C]; a mapping
            with the fields of ``onnxcam.metadata.DetectionHead``, or, if class scores and boxes are outputs of their
            own, of ``HeadOutputs``; or the path of a JSON file with such a mapping.

    Returns:
        ``HeadOutputs``, or the fields of a head that is one output.

    Raises:
        ExportError: It is none of these.
    """
    if given is None:
        return None
    fields: Any = given
    if isinstance(given, (str, os.PathLike)):
        fields = _FAMILIES.get(str(given))
        if fields is None and Path(given).suffix.lower() == ".json":
            fields = parse_json(read_text(Path(given)), Path(given))
    if not isinstance(fields, Mapping):
        raise ExportError(
            f"detection is {listed(map(repr, _FAMILIES))}, a mapping of {_fields(DetectionHead)}, or of "
            f"{_fields(HeadOutputs)} if class scores and boxes are outputs of their own, or a JSON file with such a "
            f"mapping, not {shown(given)}"
        )
    kind = HeadOutputs if "scores" in fields else DetectionHead
    if unknown := [name for name in fields if name not in kind.__dataclass_fields__]:
        own = "" if kind is HeadOutputs else f", or with scores={_fields(HeadOutputs)}"
        raise ExportError(f"detection has an unknown field: {shown(unknown[0])}; its fields are {_fields(kind)}{own}")
    return _checked(_decoded(fields, HeadOutputs)) if kind is HeadOutputs else fields


def head_of_tensor(fields: Mapping[str, Any], shape: Sequence[int]) -> DetectionHead:
    """The head that is one output.

    Args:
        fields: Those of ``DetectionHead``; without ``count``, all values from the classes on are class scores.
        shape: The shape of the scores without the batch.

    Raises:
        ExportError: The fields are no description of a head.
    """
    if len(shape) != 2:
        raise ExportError(
            f"a detection head is [A, F] or [F, A], and the scores are {list(shape)}; name the head with score_output"
        )
    values = shape[1 - fields["anchors"]] if fields.get("anchors") in {0, 1} else 0
    rest = {"count": values - fields["classes"]} if isinstance(fields.get("classes"), int) and values else {}
    return _decoded({**rest, **fields}, DetectionHead)


def check_head(head: DetectionHead | None, shape: Sequence[int], labels: Sequence[str] | None) -> None:
    """Checks a head against the scores.

    Raises:
        ExportError: It does not fit them.
    """
    for contradiction in () if head is None else head_contradictions(head, shape, labels):
        raise ExportError(f"the detection head does not fit the scores {list(shape)}: {contradiction}")


def usual_preprocessing(image: ImageInput) -> Preprocessing | None:
    """The letterbox that YOLO networks are trained with; None if the input takes no floating-point colours."""
    if not image.is_picture or image.channels != 3 or takes_integers(image):
        return None
    return Preprocessing(
        None, (image.height, image.width), mean=(0.0,) * 3, std=(1.0,) * 3, assumed=True, letterbox=_GREY
    )


def _checked(head: HeadOutputs) -> HeadOutputs:
    """The same, if its fields agree.

    Raises:
        ExportError: They do not.
    """
    counts = {len(several(names)) for names in (head.scores, head.boxes, head.objectness) if names}
    wrong = ""
    if len(counts) != 1:
        wrong = "scores, boxes and objectness need as many outputs each, one for each scale"
    elif head.box == "distances" and len(several(head.strides)) != head.scales:
        wrong = f"distances need strides, a number for each of the {head.scales} scales"
    elif head.box == "offsets" and (not head.priors or any(len(row) != 4 for row in head.priors)):
        wrong = "offsets need priors, [A, 4]: centre x, centre y, width and height of each anchor"
    elif len(head.variances) != 2:
        wrong = "variances are two numbers, of an offset's centre and of its size"
    elif head.unit == "strides" and head.box != "distances":
        wrong = f"the unit strides is for distances, not for {head.box}"
    if wrong:
        raise ExportError(f"detection contradicts itself: {wrong}")
    return head


def _decoded(fields: Mapping[str, Any], kind: type[_T]) -> _T:
    try:
        return decoded(json.dumps(fields, default=lambda value: np.asarray(value).tolist()), kind)
    except (InvalidJsonError, TypeError, ValueError) as error:
        raise ExportError(f"detection is no description of a head: {shown(str(error))}") from error


def _fields(kind: type[Any]) -> str:
    return ", ".join(kind.__dataclass_fields__)
