"""The declaration of ``onnxcam sanity``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxcam.cli.options import JsonOption, ThreadsOption


def sanity(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] IMAGE...",
            help="An explainer model, whose name ends in .onnx, or none for the included one; then images, or folders "
            "of images, of the kind that it was made for. A few are enough.",
            show_default=False,
        ),
    ],
    pictures: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="The most images to take, evenly from all that are found.")
    ] = 10,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write a copy of the model that carries the result, which 'onnxcam inspect' shows.",
        ),
    ] = None,
    json: JsonOption = False,
    threads: ThreadsOption = None,
) -> None:
    """Checks whether each method's maps change with the class, and when the model's weights are randomised."""
    from onnxcam.cli.sanity import run

    run(arguments, most=pictures, write=write, as_json=json, threads=threads)
