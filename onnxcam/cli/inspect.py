"""``onnxcam inspect``: prints a model's metadata."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from onnxcam.cli.table import table
from onnxcam.execution.bundled import default_model
from onnxcam.execution.session import open_session
from onnxcam.reporting.facts import facts
from onnxcam.text import printable

if TYPE_CHECKING:
    from pathlib import Path


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
        typer.echo(table(("", ""), [("model", f"{path} ({path.stat().st_size / 1e6:.1f} MB)"), *facts(metadata)]))
