"""The declaration of ``onnxcam serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxcam.cli.options import DEFAULT_MODEL, ProviderOption

EPILOG = """
Examples:

\b
onnxcam serve
onnxcam serve cats.onnx dogs=models/v7.onnx --port 9000
curl --data-binary @photo.jpg 'http://127.0.0.1:8000/explain?format=png' -o explained.png

With a token, clients send 'Authorization: Bearer TOKEN'; the health paths and the page answer without it.

Exit codes: 0 ended by a signal, after the last answer; 2 an argument is wrong or a model cannot be opened; 1 a model's
outputs differ from those of its export.
"""


def serve(  # noqa: PLR0917  Typer passes them by name
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Explainer models; each has the name of its file, or NAME=MODEL gives it another.",
            show_default=DEFAULT_MODEL,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen at; 0.0.0.0 is all of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A file with the token that clients must send.", show_default="$ONNXCAM_TOKEN, or none"
        ),
    ] = None,
    level: Annotated[
        int | None,
        typer.Option(
            min=0, max=2, metavar="LEVEL", help="The highest level to serve.", show_default="the models' highest"
        ),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Open every level at the start, and not level 2 with its first request.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Serve models without their golden check, or that have none.")
    ] = False,
    runs: Annotated[
        int | None,
        typer.Option(min=1, max=256, metavar="N", help="Runs at a time.", show_default="cores, up to 4"),
    ] = None,
    queue: Annotated[
        int, typer.Option(min=0, max=100_000, metavar="N", help="Requests that may wait; the next gets 503.")
    ] = 32,
    timeout: Annotated[
        float, typer.Option(min=0.01, max=86_400, metavar="SECONDS", help="Longest time of a request.")
    ] = 10.0,
    max_body: Annotated[int, typer.Option(min=1, max=4096, metavar="MIB", help="Largest body of a request.")] = 16,
    max_pixels: Annotated[int, typer.Option(min=1, metavar="N", help="Largest picture.")] = 25_000_000,
    max_rows: Annotated[
        int, typer.Option(min=1, max=65536, metavar="N", help="Most images of a request, and most rows to explain.")
    ] = 16,
    batch: Annotated[
        int,
        typer.Option(min=1, max=65536, metavar="N", help="Run waiting requests together, up to N images."),
    ] = 1,
    batch_wait: Annotated[
        float, typer.Option(min=0, max=60_000, metavar="MS", help="Let a batch wait for more, even if a run is free.")
    ] = 0.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Log only what fails, not every request.")] = False,
    provider: ProviderOption = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Threads for one run.", show_default="cores / runs")
    ] = None,
) -> int:
    """Serves models over HTTP: the Open Inference Protocol (V2), and pictures to explain."""
    from onnxcam.cli.serve import Options, run

    return run(
        models or [],
        Options(
            host=host,
            port=port,
            token_file=token_file,
            level=level,
            whole=whole,
            unchecked=unchecked,
            runs=runs,
            queue=queue,
            timeout=timeout,
            max_body=max_body,
            max_pixels=max_pixels,
            max_rows=max_rows,
            batch=batch,
            batch_wait=batch_wait,
            quiet=quiet,
            providers=provider,
            threads=threads,
        ),
    )
