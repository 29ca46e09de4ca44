"""The declaration of ``onnxcam adapt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def adapt(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An explainer model.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The model to write.", show_default=False)
    ],
    inputs: Annotated[
        str | None,
        typer.Option(
            metavar="required", help="Take the added inputs' defaults away, for runtimes that do not list such inputs."
        ),
    ] = None,
    level: Annotated[
        int | None,
        typer.Option(min=0, max=2, metavar="LEVEL", help="Fix the level: less memory, and sooner loaded."),
    ] = None,
) -> None:
    """Writes another form of a finished explainer model."""
    from onnxcam.cli.adapt import run

    run(model, output, inputs, level)
