"""The declaration of ``onnxcam triton``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def triton(  # noqa: PLR0917  Typer passes them by name
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An explainer model.", show_default=False)],
    repository: Annotated[
        Path, typer.Argument(metavar="REPOSITORY", help="The folder of models to add it to.", show_default=False)
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model's name in it.", show_default="the file's name")
    ] = None,
    level: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            max=2,
            metavar="LEVEL",
            help="A level for the form whose requests Triton joins to batches; may be repeated.",
            show_default="1, or the only one that the model has",
        ),
    ] = None,
    batched: Annotated[bool, typer.Option(help="Whether to write that form.")] = True,
    max_batch: Annotated[int, typer.Option(min=1, max=4096, metavar="N", help="The most images in a batch.")] = 8,
    storage_uri: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Where KServe will find the repository: s3://, gs://, pvc:// …",
            show_default="pvc://models/REPOSITORY",
        ),
    ] = None,
) -> None:
    """Writes a model repository for NVIDIA Triton, and a manifest for KServe."""
    from onnxcam.cli.triton import run

    run(model, repository, name, levels=level if batched else [], most=max_batch, address=storage_uri)
