"""``onnxcam inspect``: prints a model's metadata."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from onnxcam.cli.table import table
from onnxcam.execution.bundled import default_model
from onnxcam.execution.session import open_session
from onnxcam.photograph.words import in_words
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onnxcam.metadata import Metadata


def run(model: Path | None, *, labels: bool, as_json: bool) -> None:
    """Prints a model's metadata.

    Args:
        model: The path; None is the default model.
        labels: Whether to list the classes instead.
        as_json: Whether to print JSON.
    """
    path = default_model() if model is None else model
    _, metadata = open_session(path, providers=["cpu"])
    if as_json:
        typer.echo(json.dumps(asdict(metadata), indent=2))
    elif labels:
        names = metadata.labels or [""] * (metadata.classes or 0)
        typer.echo("\n".join(f"{index:>6}  {printable(label)}".rstrip() for index, label in enumerate(names)))
    else:
        typer.echo(table(("", ""), [("model", f"{path} ({path.stat().st_size / 1e6:.1f} MB)"), *_facts(metadata)]))


def _facts(metadata: Metadata) -> Iterator[tuple[str, str]]:
    """The lines of the table; of several lines with one name, only the first shows it."""
    image = metadata.image
    yield "source", f"{metadata.source.name} ({metadata.source.kind}), by {metadata.source.exporter}"
    shape = ", ".join(str(size) for size in (image.batch or "N", *image.shape))
    yield "input", f"{image.name}: {image.dtype} [{shape}] {image.layout}"
    yield "photographs", in_words(metadata.preprocessing)
    activation = f", before {metadata.score_activation}" if metadata.score_activation else ""
    labelled = "labelled" if metadata.labels else "without labels"
    if metadata.classes is not None:
        yield "classes", f"{metadata.classes}, {labelled}"
    shape = "" if metadata.classes is not None else f" {list(metadata.shape_of_scores)}, explained by seeds, {labelled}"
    output = f", of {metadata.score_output}: {metadata.score_reason}" if metadata.score_reason else ""
    yield "scores", f"{metadata.score_value}{shape}{activation}{output}"
    if metadata.detection is not None:
        yield "boxes", metadata.detection.in_words
    for number, layer in enumerate(metadata.layers):
        marks = [mark for mark, applies in _marks(metadata, number) if applies]
        yield ("" if number else "layers", f"{layer.name} {list(layer.shape)}{' ' if marks else ''}{', '.join(marks)}")
    if metadata.input_gradient != "guided":
        yield "input gradient", f"{metadata.input_gradient}, not guided"
    yield "form", metadata.form
    yield from _verified(metadata)


def _marks(metadata: Metadata, number: int) -> Iterator[tuple[str, bool]]:
    yield "default", number == 0
    yield "CAM", metadata.layers[number].name == metadata.cam_layer


def _verified(metadata: Metadata) -> Iterator[tuple[str, str]]:
    verification = metadata.verification
    if verification is None:
        yield "verified", "no"
        return
    yield "verified", f"against {verification.reference}"
    for name, error in verification.errors.items():
        yield "", f"{name}: relative error {error:.1e}, allowed {verification.tolerances[name]:.0e}"
    for note in verification.notes:
        yield "", note
