"""The declaration of ``onnxcam explain``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from onnxcam.cli.options import DEFAULT_MODEL, ProviderOption, ThreadsOption

if TYPE_CHECKING:
    from onnxcam.methods import Method


class MethodChoice(StrEnum):
    """The values of ``--method``."""

    ALL = "all"
    GRAD_CAM = "grad-cam"
    CAM = "cam"
    GUIDED_BACKPROP = "guided-backprop"
    GUIDED_GRAD_CAM = "guided-grad-cam"
    GRAD_CAM_PLUS_PLUS = "grad-cam++"
    XGRAD_CAM = "xgrad-cam"
    HIRES_CAM = "hires-cam"
    LAYER_CAM = "layer-cam"
    EIGEN_CAM = "eigen-cam"
    EIGEN_GRAD_CAM = "eigen-grad-cam"


class FormatChoice(StrEnum):
    """The values of ``--format``."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


EPILOG = """
Examples:

\b
onnxcam explain photo.jpg
onnxcam explain photo.jpg --target "tiger cat" --target -2 -o cat.png
onnxcam explain photo.jpg --target "tiger cat - tabby" --method layer-cam
onnxcam explain face.jpg --like other.jpg -m faces.onnx
onnxcam explain photos/ --recursive -o explained/ --format jpeg --resume
curl https://example.org/photo.jpg | onnxcam explain - -o photo.png

A file that exists is overwritten only if onnxcam made it, and never if the command reads it.

Exit codes: 0 success, 2 an image failed or an argument is wrong, 1 the reader of the output has gone, 130 Ctrl-C.
"""


def explain(  # noqa: PLR0917  Typer passes them by name
    images: Annotated[
        list[str], typer.Argument(help="Images, or folders of images; - is the standard input.", metavar="IMAGE")
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            metavar="FILE",
            help="An explainer model.",
            show_default=DEFAULT_MODEL,
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            metavar="TARGET",
            help="Class to explain: a label, an index, or a rank (-1 is the top class); may be repeated. Also "
            '"CLASS - CLASS" (why one and not the other), not:CLASS (what speaks against it), p:CLASS (probability), '
            'mask.png:CLASS (the region that is white in a picture), "[4, 17]" (one entry of the scores).',
            show_default="-1",
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(metavar="IMAGE", help="Explain the likeness to this image: the cosine of the scores."),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Target layer of Grad-CAM; 'onnxcam inspect' lists the layers of a model.",
            show_default="the model's first",
        ),
    ] = None,
    method: Annotated[
        MethodChoice,
        typer.Option(
            metavar="METHOD",
            help="Method to draw: grad-cam, guided-backprop, guided-grad-cam, all three of these, or cam. In place of "
            "grad-cam also grad-cam++, xgrad-cam, hires-cam, layer-cam, eigen-cam and eigen-grad-cam.",
        ),
    ] = MethodChoice.ALL,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Output: a .png, .jpg or .webp file for one image, or a folder, which is made if it does not exist.",
            show_default="IMAGE.onnxcam.png here",
        ),
    ] = None,
    format: Annotated[  # noqa: A002  as Pillow calls it
        FormatChoice | None,
        typer.Option(metavar="FORMAT", help="Format of the pictures: png, jpeg or webp.", show_default="png"),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search subfolders too.")] = False,
    no_clobber: Annotated[
        bool, typer.Option("--no-clobber", "-n", help="Skip images whose explanation exists already.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Skip unchanged images that manifest.jsonl in the output folder lists."),
    ] = False,
    npz: Annotated[bool, typer.Option("--npz", help="Also save the raw arrays, next to the picture.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each image.")] = False,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="The number of classes to print.")] = 5,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Refuse larger images; one of 89 million pixels takes up to 2.2 GB of memory.",
            show_default="89478485, Pillow's limit",
        ),
    ] = None,
    provider: ProviderOption = None,
    threads: ThreadsOption = None,
) -> int:
    """Explains images: which class the model sees, and where."""
    from onnxcam.cli.explain import run
    from onnxcam.cli.job.options import Options

    return run(
        images,
        Options(
            model=model,
            targets=tuple(target or ([] if like else ["-1"])),
            like=like,
            layer=layer,
            methods=() if method is MethodChoice.ALL else (cast("Method", method.value),),
            output=output,
            format=None if format is None else format.value,
            recursive=recursive,
            no_clobber=no_clobber,
            resume=resume,
            npz=npz,
            json=json,
            top=top,
            max_pixels=max_pixels,
            providers=provider,
            threads=threads,
        ),
    )
