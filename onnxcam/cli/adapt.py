"""``onnxcam adapt``: another form of a finished artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from onnxcam.artifact.adapt import adapt
from onnxcam.artifact.external_data import locations
from onnxcam.errors import ModelError, OutputError
from onnxcam.execution.session import open_session
from onnxcam.files import check_is_no_source, identities, replacing
from onnxcam.text import printable

if TYPE_CHECKING:
    from pathlib import Path


def run(model: Path, output: Path, inputs: str | None, level: int | None) -> None:
    """Writes the form and opens it once.

    Args:
        model: The explainer model.
        output: The file to write.
        inputs: As in ``onnxcam.adapt``.
        level: Likewise.

    Raises:
        ModelError: The model does not have that form.
        OutputError: The output cannot be written, or is the model.
    """
    if inputs is None and level is None:
        raise ModelError("no form is named; give --inputs required, --level, or both")
    check_is_no_source(output, identities([model]))
    if output.suffix.lower() != ".onnx":
        raise OutputError(f"cannot write {output}: an explainer model's name ends in .onnx")
    content = adapt(model, inputs=inputs, level=level)
    elsewhere = sorted({name for name in locations(content) if not (output.parent / name).is_file()})
    if elsewhere:
        raise OutputError(f"cannot write {output}: the model's weights are in {elsewhere[0]}, which must lie beside it")
    with replacing(output) as file:
        file.write(content)
    _, metadata = open_session(output, providers=["cpu"])
    typer.echo(f"saved {printable(str(output))}: {metadata.form}, {len(content) / 1e6:.1f} MB")
