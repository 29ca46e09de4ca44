"""The declaration of ``onnxcam report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxcam.cli.options import DEFAULT_MODEL, ProviderOption, ThreadsOption


def report(  # noqa: PLR0917  Typer passes them by name
    images: Annotated[
        list[str], typer.Argument(help="Images, or folders of images.", metavar="IMAGE", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The HTML file to write; the same facts as JSON are written beside it.",
            show_default=False,
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="FILE", help="An explainer model.", show_default=DEFAULT_MODEL),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The classes that the images really show: a CSV file with an image and a class in each line, a JSON "
            "file of these, or 'folders' if each image lies in a folder of its class's name.",
        ),
    ] = None,
    method: Annotated[
        str, typer.Option(metavar="METHOD", help="The map to show: grad-cam or another of 'onnxcam explain'.")
    ] = "grad-cam",
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Target layer.", show_default="the model's first")
    ] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="The report's heading.")] = "Where the model looks",
    steps: Annotated[
        int,
        typer.Option(
            min=0,
            max=1000,
            metavar="N",
            help="Steps of deletion and insertion, which measure each map with 2 (N + 1) runs; 0 leaves them out.",
        ),
    ] = 8,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search subfolders too.")] = False,
    provider: ProviderOption = None,
    threads: ThreadsOption = None,
) -> int:
    """Makes a report of many images: one HTML file to look through, to print and to keep, and the same as JSON."""
    from onnxcam.cli.report import Options, run

    options = Options(model, labels, method, layer, title, steps, recursive, provider, threads)
    return run(images, output, options)
