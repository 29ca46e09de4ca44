"""The commands that this distribution adds to ``onnxcam``; the heavy imports happen inside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onnxcam.errors import OnnxCamError

if TYPE_CHECKING:
    from onnxcam_export.read.pytorch.catalogue import Named

_MOST_SIZES = 5  # [N, C, D, H, W]

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="torchvision:NAME, timm:NAME, FILE.py:FACTORY (a function that returns the module), or FILE.onnx.",
    ),
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--input-size",
        metavar="SIZE",
        help="Height and width, e.g. 224 or 224x320; with the channels, e.g. 1x48x48. An ONNX file's own layout.",
    ),
]
ScoreOption = Annotated[
    str | None, typer.Option("--score-output", help="The output that holds the class scores: name, key or index.")
]
InputOption = Annotated[
    str | None, typer.Option("--input", help="The input of an ONNX file that takes the image, if it has several.")
]
WeightsOption = Annotated[
    Path | None, typer.Option("--weights", help="A state dict or a checkpoint: .pt, .pth or .safetensors.")
]
DetectionOption = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="The scores are a raw detection head: yolov8 (also v9, v11), yolov5, or a JSON file that says where boxes "
        "and classes are (docs/detection.md).",
    ),
]
ClassesOption = Annotated[
    int | None, typer.Option("--classes", min=1, help="Make the PyTorch model for so many classes.")
]
PretrainedOption = Annotated[bool, typer.Option("--pretrained", help="Download the package's own weights.")]


def export_command(  # noqa: PLR0917 — Typer passes them by name
    source: SourceArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The explainer model to write.")],
    input_size: SizeOption = None,
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Target layer; may be given several times.", show_default="the last spatial one"),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="A text file with one class name a line, or JSON: a list, or id2label.")
    ] = None,
    preprocessing: Annotated[
        Path | None,
        typer.Option(
            help="A JSON file: resize, crop, interpolation, scale, mean, std, channel_order; or timm's data "
            "configuration, or Hugging Face's preprocessor_config.json."
        ),
    ] = None,
    score_output: ScoreOption = None,
    weights: WeightsOption = None,
    pretrained: PretrainedOption = False,
    classes: ClassesOption = None,
    input_gradient: Annotated[
        str,
        typer.Option(
            "--input-gradient",
            metavar="RULES",
            help="The gradient at the input that level 2 gives: guided, plain or deconvnet.",
        ),
    ] = "guided",
    level: Annotated[
        int, typer.Option(help="The highest level, 2 or 1; 1 leaves out the gradient at the input.", metavar="LEVEL")
    ] = 2,
    inputs: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="optional, or required: the added inputs have no defaults, for JavaScript and OpenVINO.",
        ),
    ] = "optional",
    flat: Annotated[bool, typer.Option("--flat", help="Leave out the gates, for providers without If.")] = False,
    verify: Annotated[bool, typer.Option(help="Compare the result with the source.")] = True,
    image_input: InputOption = None,
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="Make the fixed batch of an ONNX file symbolic.")
    ] = False,
    detection: DetectionOption = None,
    sanity: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IMAGE",
            help="Also run 'onnxcam sanity' with these images, or a folder of them, and keep its result in the model.",
        ),
    ] = None,
) -> None:
    """Writes an explainer model: one ONNX file that answers as SOURCE does and can explain its answers."""
    from onnxcam.cli.sanity import images_to_take, with_sanity  # noqa: PLC0415
    from onnxcam.files import check_is_no_source, identities  # noqa: PLC0415
    from onnxcam_export.pipeline import export  # noqa: PLC0415
    from onnxcam_export.read.pytorch.catalogue import is_random, load  # noqa: PLC0415

    head = None if detection is None else Path(detection)
    read = (Path(source.rpartition(":")[0] if ".py:" in source else source), weights, labels, preprocessing, head)
    check_is_no_source(output, identities(path for path in read if path is not None))
    pictures = images_to_take(sanity) if sanity else []
    named = load(source, weights=weights, pretrained=pretrained, classes=classes)
    random = is_random(source, weights, pretrained=pretrained)
    if random:
        typer.echo("onnxcam: the weights are random; give --weights FILE or --pretrained for a real model", err=True)
    shape = _input_shape(input_size, named)
    report = export(
        named.source,
        output,
        input_shape=shape,
        layers=layer,
        labels=labels or (None if random else named.labels),
        preprocessing=preprocessing or named.preprocessing_at(shape),
        score_output=score_output,
        level=level,
        inputs=inputs,
        flat=flat,
        input_gradient=input_gradient,
        verify=verify,
        image_input=image_input,
        dynamic_batch=dynamic_batch,
        detection=detection,
    )
    if pictures:
        report = replace(report, metadata=with_sanity(output, pictures), size=output.stat().st_size)
    typer.echo(str(report))


def layers_command(  # noqa: PLR0917 — the same
    source: SourceArgument,
    input_size: SizeOption = None,
    score_output: ScoreOption = None,
    image_input: InputOption = None,
    classes: ClassesOption = None,
    detection: DetectionOption = None,
) -> None:
    """Lists the layers of SOURCE that can be explained: name, kind, shape, and which is the default."""
    from onnxcam.cli.table import table  # noqa: PLC0415
    from onnxcam_export.pipeline import candidates  # noqa: PLC0415
    from onnxcam_export.read.pytorch.catalogue import load  # noqa: PLC0415

    named = load(source, classes=classes)
    found = candidates(
        named.source,
        input_shape=_input_shape(input_size, named),
        score_output=score_output,
        image_input=image_input,
        detection=detection,
    )
    rows = [
        (c.name, c.kind, " x ".join(map(str, c.shape)), c.value.name or "", "default" if c.is_default else "")
        for c in found
    ]
    typer.echo(table(("layer", "kind", "K x h x w", "value", ""), rows))


def _input_shape(size: str | None, named: Named) -> tuple[int, ...] | None:
    """``--input-size`` with the channels of the model's package or of the module; an ONNX file knows its own."""
    from onnxcam_export.read.pytorch.input_shape import with_channels  # noqa: PLC0415

    if size is None:
        return named.input_shape
    parts = size.lower().split("x")
    if not 1 <= len(parts) <= _MOST_SIZES or not all(map(_is_count, parts)):
        raise OnnxCamError(
            f"--input-size {size!r} is not a size; give e.g. 224, 224x320 (height x width) or 1x224x320 (channels too)"
        )
    sizes = tuple(int(part) for part in parts)
    if len(sizes) > 2:
        return sizes
    return (sizes[0], sizes[-1]) if isinstance(named.source, str) else with_channels(named.source, sizes)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0
