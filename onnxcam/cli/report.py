"""What ``onnxcam explain`` prints: a table for one picture, a line for each of several, or JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.cli.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.explanation import ClassScore, Explanation, Method


def as_table(explanation: Explanation, top: int, written: Sequence[Path]) -> str:
    """The top classes with their scores, those explained marked, and the files written."""
    explained = {int(index) for index in explanation.class_index}
    shown = explanation.top(top)
    shown += [explanation.class_score(index) for index in explained - {item.index for item in shown}]
    rows = [_row(item, is_explained=item.index in explained) for item in shown]
    header = ("class", "label", "probability", "score", "")
    if explanation.probabilities is None:
        rows, header = [(a, b, d, e) for a, b, _, d, e in rows], ("class", "label", "score", "")  # type: ignore[assignment, misc]
    return "\n".join([table(header, rows, right="class probability score"), *_saved(written)])


def as_line(explanation: Explanation, picture: Path, written: Sequence[Path]) -> str:
    """The picture, what was explained, and the files written."""
    explained = [explanation.class_score(int(index)) for index in explanation.class_index]
    return f"{picture}: {'; '.join(map(_brief, explained))} -> {', '.join(map(str, written))}"


def as_json(
    explanation: Explanation, picture: Path, methods: Sequence[Method], top: int, written: Sequence[Path]
) -> str:
    """One line of JSON: the top classes, and for each explained class the statistics of each method's array."""
    explained = [
        {
            **asdict(explanation.class_score(int(index))),
            "methods": {method: _statistics(explanation, method, row) for method in methods},
        }
        for row, index in enumerate(explanation.class_index)
    ]
    record = {
        "path": str(picture),
        "classes": [asdict(item) for item in explanation.top(top)],
        "explained": explained,
        "outputs": [str(path) for path in written],
    }
    return json.dumps(record, ensure_ascii=False)


def error_as_json(picture: Path, error: Exception) -> str:
    """One line of JSON for a picture that could not be explained."""
    return json.dumps({"path": str(picture), "error": str(error)}, ensure_ascii=False)


def _row(item: ClassScore, *, is_explained: bool) -> tuple[str, str, str, str, str]:
    probability = "" if item.probability is None else f"{item.probability:.1%}"
    return (str(item.index), item.label, probability, f"{item.score:.3f}", "<- explained" if is_explained else "")


def _brief(item: ClassScore) -> str:
    return f"{item.label} {f'{item.score:.3f}' if item.probability is None else f'{item.probability:.1%}'}"


def _saved(written: Sequence[Path]) -> list[str]:
    return [f"saved {path}" for path in written]


def _statistics(explanation: Explanation, method: Method, row: int) -> dict[str, Any]:
    """The array's shape, range and mean, and for a map the layer and where on the photograph its maximum is."""
    values = explanation.compute(method)[row]
    statistics: dict[str, Any] = {
        "shape": list(values.shape),
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        "mean": float(values.mean(dtype=np.float64)),
    }
    if values.ndim == 2:  # noqa: PLR2004  a map
        layer = explanation.metadata.cam_layer if method == "cam" else next(iter(explanation.activations))
        statistics |= {"layer": layer, "peak": _peak(explanation, values, explanation.image_of(row))}
    return statistics


def _peak(explanation: Explanation, values: Any, image: int) -> list[float] | None:
    """The centre of the map's highest cell as [x, y] in pixels of the upright photograph."""
    if explanation.photographs is None:
        return None
    placed = explanation.photographs[image].geometry
    left, top, right, bottom = placed.box_on(placed.photograph)
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    x = left + (right - left) * (column + 0.5) / values.shape[1]
    y = top + (bottom - top) * (row + 0.5) / values.shape[0]
    return [round(float(x), 1), round(float(y), 1)]
