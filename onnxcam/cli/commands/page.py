"""The declaration of ``onnxcam page``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxcam.cli.options import DEFAULT_MODEL


def page(
    models: Annotated[
        list[Path] | None,
        typer.Argument(metavar="MODEL…", help="Explainer models.", show_default=DEFAULT_MODEL),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to write.", show_default=False)
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show it on this machine, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="For --serve; 0 is any free one.")] = 8000,
) -> None:
    """Writes a page that explains photographs in the browser, for any server to host."""
    from onnxcam.cli.page import run

    run(models or [], output, port if serve else None)
