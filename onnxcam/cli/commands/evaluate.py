"""The declaration of ``onnxcam evaluate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from onnxcam.cli.commands.explain import MethodChoice
from onnxcam.cli.options import DEFAULT_MODEL, JsonOption, ProviderOption

if TYPE_CHECKING:
    from onnxcam.methods import Method


class ConventionChoice(StrEnum):
    """The values of ``--convention``."""

    ONNXCAM = "onnxcam"
    RISE = "rise"
    OPENVINO_XAI = "openvino-xai"
    PYTORCH_GRAD_CAM = "pytorch-grad-cam"


EPILOG = """
Examples:

\b
onnxcam evaluate default photos/
onnxcam evaluate model.onnx photos/ --boxes boxes.json -o evaluation/
onnxcam evaluate model.onnx photos/ --method grad-cam --method layer-cam --convention rise --json

An evaluation that was interrupted goes on where it ended, if it is started again with the same output.

Exit codes: 0 success, 2 an image failed or an argument is wrong, 130 Ctrl-C.
"""


def evaluate(  # noqa: PLR0917  Typer passes them by name
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help=f"An explainer model that classifies images; 'default' is {DEFAULT_MODEL}.",
            show_default=False,
        ),
    ],
    images: Annotated[list[str], typer.Argument(metavar="FOLDER", help="Folders of images, or images.")],
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where the objects are, in pixels of the image, as JSON: "
            '{"dog.jpg": {"boxes": [[12, 30, 90, 80]], "label": "boxer"}}: left, top, right, bottom. '
            "A label, which may be left out, is the class to explain.",
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the objects are: white in a picture of the image's name and size."),
    ] = None,
    convention: Annotated[
        ConventionChoice,
        typer.Option(metavar="NAME", help=f"The convention: {', '.join(ConventionChoice)}."),
    ] = ConventionChoice.ONNXCAM,
    method: Annotated[
        list[MethodChoice] | None,
        typer.Option(metavar="METHOD", help="Method to evaluate; may be repeated.", show_default="all the model has"),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Target layer.", show_default="the model's first")
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Folder for results.jsonl, deletion.svg and insertion.svg."
        ),
    ] = Path("onnxcam-evaluation"),
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search subfolders too.")] = False,
    json: JsonOption = False,
    batch: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Images in a forward pass.", show_default="2, on a GPU 32"),
    ] = None,
    provider: ProviderOption = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Threads of the evaluation.", show_default="one per core")
    ] = None,
) -> int:
    """Measures how faithful a model's explanations are, beside baselines that explain nothing."""
    from onnxcam.cli.evaluate import Options, run

    methods = tuple(cast("Method", one.value) for one in method or () if one is not MethodChoice.ALL)
    return run(
        None if model == "default" else Path(model),
        images,
        Options(
            boxes=boxes,
            masks=masks,
            convention=convention.value,
            methods=methods,
            layer=layer,
            output=output,
            recursive=recursive,
            json=json,
            batch=batch,
            providers=provider,
            threads=threads,
        ),
    )
