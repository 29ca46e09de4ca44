"""The declaration of ``onnxcam batch``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from onnxcam.cli.options import DEFAULT_MODEL

if TYPE_CHECKING:
    from onnxcam.levels import Level

EPILOG = """
Examples:

\b
onnxcam batch photos/ maps.parquet
onnxcam batch "s3://bucket/2026/**/*.jpg" s3://bucket/maps.parquet --address auto
onnxcam batch images.parquet maps.parquet --column image --target "tiger cat" --target -1

Run it again to go on after an interruption, or to add new images.
"""


class MapChoice(StrEnum):
    """The values of ``--method``."""

    GRAD_CAM = "grad-cam"
    CAM = "cam"
    GRAD_CAM_PLUS_PLUS = "grad-cam++"
    XGRAD_CAM = "xgrad-cam"
    HIRES_CAM = "hires-cam"
    LAYER_CAM = "layer-cam"
    EIGEN_CAM = "eigen-cam"
    EIGEN_GRAD_CAM = "eigen-grad-cam"


def batch(  # noqa: PLR0917  Typer passes them by name
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A folder, a pattern in quotes, a bucket (s3://, gs://), or Parquet with paths or bytes.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str, typer.Argument(metavar="OUT.parquet", help="A folder of Parquet files, or a URI.", show_default=False)
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="FILE", help="An explainer model.", show_default=DEFAULT_MODEL),
    ] = None,
    level: Annotated[
        int, typer.Option(min=0, max=2, metavar="LEVEL", help="0: scores. 1: a map. 2: also Guided Grad-CAM.")
    ] = 1,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            metavar="TARGET",
            help="Class to explain, as in onnxcam explain; may be repeated, a row each.",
            show_default="-1",
        ),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="The map's layer.", show_default="the model's first")
    ] = None,
    method: Annotated[MapChoice, typer.Option(metavar="METHOD", help="The map's method.")] = MapChoice.GRAD_CAM,
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column of paths or bytes.", show_default="bytes, or path"),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Ray cluster; auto is the one of this machine.",
            show_default="RAY_ADDRESS, or a new one here",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The number of workers.", show_default="one for each GPU, or CPU"),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The threads of each worker.", show_default="1; more beside a GPU"),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, max=1024, metavar="N", help="The images of one run.", show_default="8; 2 at level 2"),
    ] = None,
) -> None:
    """Explains any number of images, on this machine or a Ray cluster, and writes Parquet."""
    from onnxcam.cli.batch import run, wish_of

    wish = wish_of(model, target or ["-1"], cast("Level", level), layer, method.value)
    run(source, output, model, wish, address, column=column, workers=workers, threads=threads, batch_size=batch_size)
