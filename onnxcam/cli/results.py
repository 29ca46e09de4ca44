"""The printed results of ``onnxcam explain``: a table for one image, a line for each of several, or JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.cli.table import table
from onnxcam.measures import boxes_of, peak_of, range_of
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.cam import Floats
    from onnxcam.explanation import ClassScore, Explanation
    from onnxcam.methods import Method
    from onnxcam.photograph.opening import Picture


def as_table(explanation: Explanation, top: int, written: Sequence[Path]) -> str:
    """The top classes with their scores and marks at the explained ones, and the files written."""
    targets = [explanation.explained(row) for row in range(len(explanation.class_index))]
    shown = explanation.top(top)
    shown += [item for item in targets if item not in shown]
    rows = [_row(item, is_explained=item in targets) for item in shown]
    header = ("class", "label", "probability", "score", "")
    if explanation.probabilities is None:
        rows, header = [(a, b, d, e) for a, b, _, d, e in rows], ("class", "label", "score", "")  # type: ignore[assignment, misc]
    return "\n".join([table(header, rows, right="class probability score"), *_saved(written)])


def as_line(explanation: Explanation, picture: Path, written: Sequence[Path]) -> str:
    """The image, the explained classes, and the files written."""
    explained = [explanation.explained(row) for row in range(len(explanation.class_index))]
    return printable(f"{picture}: {'; '.join(map(_brief, explained))} -> {', '.join(map(str, written))}")


def notes(explanation: Explanation, picture: Picture) -> list[str]:
    """Warnings about an image's explanation."""
    found = []
    if picture.has_more_frames:
        found.append("it has several frames or pages; only the first is explained")
    if not np.isfinite(explanation.scores).all():
        found.append("its scores are not finite, so they say nothing")
    return found


def record(
    explanation: Explanation,
    picture: Path,
    methods: Sequence[Method],
    *,
    top: int,
    written: Sequence[Path],
    remarks: Sequence[str],
) -> dict[str, Any]:
    """The result for JSON: the top classes, and the statistics of each method's array for each explained class."""
    arrays = {method: explanation.compute(method) for method in methods}
    explained = [
        {
            **asdict(explanation.explained(row)),
            "methods": {method: _statistics(explanation, method, row, arrays[method][row]) for method in methods},
        }
        for row in range(len(explanation.class_index))
    ]
    return {
        "path": str(picture),
        "classes": [asdict(item) for item in explanation.top(top)],
        **_boxes(explanation),
        "explained": explained,
        "outputs": [str(path) for path in written],
        "notes": list(remarks),
    }


def _boxes(explanation: Explanation) -> dict[str, Any]:
    """The boxes of a detection model, if its image is known."""
    if explanation.metadata.detection is None or explanation.photographs is None:
        return {}
    return {"boxes": boxes_of(explanation, explanation.photographs[0].geometry)}


def as_json(record: dict[str, Any]) -> str:
    """One line of JSON in ASCII, with null for numbers that are not finite, which JSON does not have."""
    return json.dumps(_finite(record), allow_nan=False).replace("\x7f", "\\u007f")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _row(item: ClassScore, *, is_explained: bool) -> tuple[str, str, str, str, str]:
    probability = "" if item.probability is None else f"{item.probability:.1%}"
    return (
        str(item.index) if item.index >= 0 else "",
        printable(item.label),
        probability,
        f"{item.score:.3f}",
        "<- explained" if is_explained else "",
    )


def _brief(item: ClassScore) -> str:
    return f"{item.label} {f'{item.score:.3f}' if item.probability is None else f'{item.probability:.1%}'}"


def _saved(written: Sequence[Path]) -> list[str]:
    return [printable(f"saved {path}") for path in written]


def _statistics(explanation: Explanation, method: Method, row: int, values: Floats) -> dict[str, Any]:
    """The array's shape, range and mean; for a map also its layer and the position of its maximum."""
    statistics = {**range_of(values), "mean": float(values.mean(dtype=np.float64))}
    if values.ndim == 2:
        layers = explanation.layers_of(method)
        statistics |= {"layer": layers[0]} if len(layers) == 1 else {"layers": layers}
        photographs = explanation.photographs
        placed = None if photographs is None else photographs[explanation.image_of(row)].geometry
        statistics |= {"peak": None if placed is None else peak_of(values, placed)}
    return statistics
