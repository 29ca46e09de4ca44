"""The declaration of ``onnxcam inspect``."""

from __future__ import annotations

from typing import Annotated

import typer

from onnxcam.cli.options import JsonOption, ModelArgument


def inspect(
    model: ModelArgument = None,
    labels: Annotated[bool, typer.Option("--labels", help="List the classes.")] = False,
    json: JsonOption = False,
) -> None:
    """Shows a model's metadata: input, layers, classes, source and verification."""
    from onnxcam.cli.inspect import run

    run(model, labels=labels, as_json=json)
