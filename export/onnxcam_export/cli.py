"""The commands that this distribution adds to ``onnxcam``; the heavy imports happen inside them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxcam.errors import OnnxCamError

if TYPE_CHECKING:
    from onnxcam.metadata import Preprocessing
    from onnxcam_export.read.catalogue import Named

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="torchvision:NAME, timm:NAME, FILE.py:FACTORY (a function that returns the module), or FILE.onnx.",
    ),
]
SizeOption = Annotated[
    str | None,
    typer.Option("--input-size", metavar="HxW", help="Height and width of the image, e.g. 224 or 224x320."),
]
ScoreOption = Annotated[
    str | None, typer.Option("--score-output", help="The output that holds the class scores: name, key or index.")
]
InputOption = Annotated[
    str | None, typer.Option("--input", help="The input of an ONNX file that takes the image, if it has several.")
]
WeightsOption = Annotated[Path | None, typer.Option("--weights", help="A file with the module's state dict.")]
PretrainedOption = Annotated[bool, typer.Option("--pretrained", help="Download the package's own weights.")]


def export_command(  # noqa: PLR0917 — Typer passes them by name
    source: SourceArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The explainer model to write.")],
    input_size: SizeOption = None,
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Target layer; may be given several times.", show_default="the last spatial one"),
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="A text file with one class name a line.")] = None,
    preprocessing: Annotated[
        Path | None, typer.Option(help="A JSON file: resize, crop, interpolation, scale, mean, std, channel_order.")
    ] = None,
    score_output: ScoreOption = None,
    weights: WeightsOption = None,
    pretrained: PretrainedOption = False,
    input_gradient: Annotated[
        str,
        typer.Option(
            "--input-gradient",
            metavar="RULES",
            help="The gradient at the input that level 2 gives: guided, plain or deconvnet.",
        ),
    ] = "guided",
    flat: Annotated[bool, typer.Option("--flat", help="Leave out the gates, for providers without If.")] = False,
    verify: Annotated[bool, typer.Option(help="Compare the result with the source.")] = True,
    image_input: InputOption = None,
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="Make the fixed batch of an ONNX file symbolic.")
    ] = False,
) -> None:
    """Writes an explainer model: one ONNX file that answers as SOURCE does and can explain its answers."""
    from onnxcam.files import check_is_no_source, identities  # noqa: PLC0415
    from onnxcam_export.pipeline import export  # noqa: PLC0415
    from onnxcam_export.read.catalogue import is_random, load  # noqa: PLC0415

    read = (Path(source.rpartition(":")[0] if ".py:" in source else source), weights, labels, preprocessing)
    check_is_no_source(output, identities(path for path in read if path is not None))
    named = load(source, weights=weights, pretrained=pretrained)
    random = is_random(source, weights, pretrained=pretrained)
    if random:
        typer.echo("onnxcam: the weights are random; give --weights FILE or --pretrained for a real model", err=True)
    shape = _input_shape(input_size, named)
    report = export(
        named.source,
        output,
        input_shape=shape,
        layers=layer,
        labels=_lines(labels) if labels else (None if random else named.labels),
        preprocessing=_json(preprocessing) if preprocessing else _preprocessing(named, shape),
        score_output=score_output,
        flat=flat,
        input_gradient=input_gradient,
        verify=verify,
        image_input=image_input,
        dynamic_batch=dynamic_batch,
    )
    typer.echo(str(report))


def layers_command(
    source: SourceArgument,
    input_size: SizeOption = None,
    score_output: ScoreOption = None,
    image_input: InputOption = None,
) -> None:
    """Lists the layers of SOURCE that can be explained: name, kind, shape, and which is the default."""
    from onnxcam.cli.table import table  # noqa: PLC0415
    from onnxcam_export.pipeline import candidates  # noqa: PLC0415
    from onnxcam_export.read.catalogue import load  # noqa: PLC0415

    named = load(source)
    found = candidates(
        named.source,
        input_shape=_input_shape(input_size, named),
        score_output=score_output,
        image_input=image_input,
    )
    rows = [
        (c.name, c.kind, " x ".join(map(str, c.shape)), c.value.name or "", "default" if c.is_default else "")
        for c in found
    ]
    typer.echo(table(("layer", "kind", "K x h x w", "value", ""), rows))


def _input_shape(size: str | None, named: Named) -> tuple[int, ...] | None:
    """[C, H, W] from ``--input-size`` and what the model's package says; [H, W] for an ONNX file."""
    if size is None:
        return named.input_shape
    parts = size.lower().split("x")
    if len(parts) not in {1, 2} or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise OnnxCamError(f"--input-size {size!r} is not a size; give e.g. 224 or 224x320 (height x width)")
    height, width = int(parts[0]), int(parts[-1])
    if isinstance(named.source, str):
        return height, width
    return named.input_shape[0] if named.input_shape else 3, height, width


def _preprocessing(named: Named, shape: tuple[int, ...] | None) -> Preprocessing | None:
    """The package's preprocessing; for another input size than the package's, with the same share cropped away."""
    steps, own = named.preprocessing, named.input_shape
    if steps is None or own is None or shape is None or shape == own:
        return steps
    height, width = shape[-2:]
    if not isinstance(steps.resize, int):
        return replace(steps, resize=(height, width))
    crop = height if height == width else (height, width)
    return replace(steps, resize=round(steps.resize * max(height, width) / max(own[1:])), crop=crop)


def _lines(file: Path) -> list[str]:
    return _text(file).splitlines()


def _json(file: Path) -> dict[str, Any]:
    try:
        fields = json.loads(_text(file))
    except ValueError as error:
        raise OnnxCamError(f"{file} is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise OnnxCamError(f"{file} does not hold a JSON object with the preprocessing's fields")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OnnxCamError(f"cannot read {file}: {error}") from error
