"""Makes a report: explains the pictures, and writes the HTML file and its twin in JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from onnxcam.artifact.adapt import stated_metadata
from onnxcam.errors import MethodError, ModelError, PictureError
from onnxcam.execution.installation import versions
from onnxcam.explainer import Explainer
from onnxcam.files import replacing
from onnxcam.methods import is_at_input, why_not
from onnxcam.photograph.preprocessing import required
from onnxcam.reporting.content import Report
from onnxcam.reporting.entries import Failure, explain_picture
from onnxcam.reporting.faithfulness import STEPS, Meter
from onnxcam.reporting.page import page
from onnxcam.reporting.provenance import model_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from onnxcam.metadata import Metadata
    from onnxcam.methods import MapMethod
    from onnxcam.reporting.entries import Entry


@dataclass(frozen=True, slots=True)
class Settings:
    """How a report is made.

    Attributes:
        title: The heading.
        method: The method of the maps.
        layer: The target layer; None is the model's first.
        steps: Of the curves that faithfulness is measured with; 0 leaves it out.
        providers: As in ``Explainer``.
        threads: As in ``Explainer``.
    """

    title: str
    method: MapMethod = "grad-cam"
    layer: str | None = None
    steps: int = STEPS
    providers: Sequence[str] | None = None
    threads: int | None = None


def check_model(metadata: Metadata, method: str) -> None:
    """Checks that a model can be reported on.

    Raises:
        ModelError: It is no classifier of pictures.
        MethodError: It does not have the method, or the method gives no map.
    """
    required(metadata)
    if metadata.classes is None:
        raise ModelError(
            f"a report is made of classes, and this model has {metadata.scores_in_words}; use onnxcam explain --json"
        )
    if is_at_input(method):  # type: ignore[arg-type]
        raise MethodError(f"a report lays maps over pictures, and {method} gives none; name grad-cam or another map")
    if reason := why_not(method, metadata):  # type: ignore[arg-type]
        raise MethodError(f"{reason}; name another map")


def make_report(
    model: Path,
    pictures: Sequence[Path],
    true: Mapping[Path, int],
    settings: Settings,
    *,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Explains pictures for a report.

    Args:
        model: The explainer model.
        pictures: The files. One that cannot be read is listed among the failures.
        true: The classes that pictures really show, as far as they are known.
        settings: The options.
        advance: Called after each picture.

    Raises:
        OnnxCamError: Something is wrong for all pictures, such as the model or the layer.
    """
    explainer = Explainer(model, providers=settings.providers, threads=settings.threads, level=1)
    metadata = explainer.metadata
    check_model(metadata, settings.method)
    meter = Meter(model, settings.steps, settings.threads) if settings.steps else None
    entries: list[Entry] = []
    failures: list[Failure] = []
    for path in pictures:
        try:
            entry = explain_picture(
                path, explainer, settings.method, layer=settings.layer, true=true.get(path), meter=meter
            )
            entries.append(entry)
        except PictureError as error:
            failures.append(Failure(path, str(error)))
        advance()
    if not entries:
        raise PictureError(f"none of the {len(pictures)} pictures can be explained: {failures[0].error}")
    layer = metadata.cam_layer if settings.method == "cam" else settings.layer or metadata.layers[0].name
    original = stated_metadata(model)
    return Report(
        title=settings.title,
        metadata=original,
        model=model_record(model, original, settings.providers),
        run=_run(explainer, settings),
        method=settings.method,
        layer=layer or "",
        convention=None if meter is None else meter.convention,
        entries=entries,
        failures=failures,
    )


def write_report(report: Report, path: Path) -> tuple[Path, Path]:
    """Writes a report and, beside it, its twin in JSON.

    Args:
        report: The content.
        path: The HTML file.

    Returns:
        Both files.

    Raises:
        OutputError: One cannot be written.
    """
    twin = path.with_suffix(".json")
    content = (json.dumps(_finite(report.record()), ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()
    html = page(report, twin.name, sha256(content).hexdigest()).encode("utf-8", "replace")
    with replacing(twin) as file:
        file.write(content)
    with replacing(path) as file:
        file.write(html)
    return path, twin


def _run(explainer: Explainer, settings: Settings) -> dict[str, Any]:
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **versions(),
        "execution provider": explainer.providers[0],
        "threads": "one per core" if settings.threads is None else settings.threads,
        "level": 1,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
