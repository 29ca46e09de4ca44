"""What a report says of one picture: its classes, the maps of the explained ones, and how faithful these are."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import numpy as np

from onnxcam import cam
from onnxcam.errors import PictureError
from onnxcam.photograph.opening import PANEL_SIDE, open_picture
from onnxcam.photograph.preprocessing import needed_shorter_side
from onnxcam.photograph.reading import reason
from onnxcam.reporting.pictures import LONGEST_PHOTOGRAPH, coloured_map, photograph_uri, square

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.cam import Floats
    from onnxcam.explainer import Explainer
    from onnxcam.explanation import Explanation
    from onnxcam.methods import MapMethod
    from onnxcam.photograph.geometry import Box
    from onnxcam.reporting.faithfulness import Faithfulness, Meter
    from onnxcam.scores import ClassScore

Why = Literal["the top-scoring class", "the true class"]

_TOP = 5


@dataclass(frozen=True, slots=True, eq=False)
class ExplainedClass:
    """One explained class of a picture.

    Attributes:
        target: The class with its score and probability.
        why: Why it is explained.
        values: The map, [h, w], as the method gives it.
        overlay: The map as a transparent picture, as a data URI.
        faithfulness: How much the probability depends on the map's places; None if it was not measured.
    """

    target: ClassScore
    why: Why
    values: Floats
    overlay: str
    faithfulness: Faithfulness | None

    @property
    def scaled(self) -> Floats:
        """The map in [0, 1]."""
        scaled: Floats = cam.normalise(self.values[None].astype(np.float64))[0]
        return scaled

    @property
    def sha256(self) -> str:
        """Of the map's values, float32 in the computer's order of rows."""
        return sha256(np.ascontiguousarray(self.values, "<f4").tobytes()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A picture in the report.

    Attributes:
        path: The file, as it was named.
        sha256: Of the file.
        size: The upright picture's (width, height).
        top: The classes with the highest scores.
        true: The class that it really shows; None if that is not known.
        explained: The top-scoring class and, after a mistake, the true one.
        photograph: A small copy, as a data URI.
        box: The part that the model saw: left, top, width and height, in per cent of the photograph.
        seen: That part, as a small square in grey, [side, side].
        notes: Remarks.
    """

    path: Path
    sha256: str
    size: tuple[int, int]
    top: Sequence[ClassScore]
    true: ClassScore | None
    explained: Sequence[ExplainedClass]
    photograph: str
    box: Box
    seen: Floats
    notes: Sequence[str] = ()

    @property
    def is_mistake(self) -> bool | None:
        """Whether the top-scoring class is not the true one; None if that is not known."""
        return None if self.true is None else self.true.index != self.top[0].index


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be explained.

    Attributes:
        path: The file.
        error: Why not.
    """

    path: Path
    error: str


def explain_picture(
    path: Path, explainer: Explainer, method: MapMethod, *, layer: str | None, true: int | None, meter: Meter | None
) -> Entry:
    """Explains a picture for the report.

    Args:
        path: The file.
        explainer: The model.
        method: The method of the maps.
        layer: The target layer; None is the model's first.
        true: The class that it really shows, if that is known.
        meter: Measures the faithfulness of the maps; None leaves it out.

    Raises:
        PictureError: The file cannot be read.
        OnnxCamError: As in ``Explainer.explain``.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PictureError(f"cannot read {path}: {reason(error)}") from error
    shorter = needed_shorter_side(explainer.metadata)
    picture = open_picture(content, shorter=shorter, longer=max(PANEL_SIDE, LONGEST_PHOTOGRAPH), name=str(path))
    explanation = explainer.explain(picture, [-1] if true is None else [-1, true], layer=layer)
    photograph, box = explanation.photographs[0].photograph, explanation.photographs[0].box  # type: ignore[index]
    left, top, right, bottom = (edge / side * 100 for edge, side in zip(box, photograph.size * 2, strict=True))
    notes = ["it has several frames or pages; only the first is explained"] if picture.has_more_frames else []
    return Entry(
        path=path,
        sha256=sha256(content).hexdigest(),
        size=picture.size,
        top=explanation.top(_TOP),
        true=None if true is None else explanation.class_score(true),
        explained=_explained(explanation, method, layer, meter),
        photograph=photograph_uri(photograph),
        box=(left, top, right - left, bottom - top),
        seen=square(photograph, box),
        notes=notes,
    )


def _explained(
    explanation: Explanation, method: MapMethod, layer: str | None, meter: Meter | None
) -> list[ExplainedClass]:
    maps, tensor = explanation.map(method, layer), explanation.tensor[0]
    reasons: tuple[Why, ...] = ("the top-scoring class", "the true class")
    classes: list[ExplainedClass] = []
    for row, (values, why) in enumerate(zip(maps, reasons, strict=False)):
        target = explanation.explained(row)
        if classes and classes[0].target.index == target.index:
            continue  # the true class has the highest score
        measured = None if meter is None else meter.measure(tensor, values, target.index)
        classes.append(ExplainedClass(target, why, values, coloured_map(values), measured))
    return classes
