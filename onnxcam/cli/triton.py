"""``onnxcam triton``: a model repository for Triton."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer

from onnxcam.artifact.source import readable
from onnxcam.errors import OutputError
from onnxcam.text import printable, shortened
from onnxcam.triton.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NAME = re.compile(r"[\w.-]{1,200}", re.ASCII)


def run(
    model: Path, folder: Path, name: str | None, *, levels: Sequence[int] | None, most: int, address: str | None
) -> None:
    """Writes the repository and prints what is in it.

    Args:
        model: The explainer model.
        folder: The repository.
        name: The model's name in it; None is that of the file.
        levels: As in ``Repository.write``.
        most: The most images in a batch.
        address: The repository as a cluster sees it.

    Raises:
        ModelError: The model does not have such a form.
        OutputError: The name is none for a folder, or something cannot be written.
    """
    readable(model)
    name = model.stem if name is None else name
    if not _NAME.fullmatch(name) or not name.strip("."):
        shown = shortened(repr(name))
        raise OutputError(f"{shown} is no name for a model in Triton; give --name with letters, digits, _, - and .")
    made = Repository(folder, model, name).write(levels, most, address or f"pvc://models/{folder.resolve().name}")
    for path in made:
        typer.echo(f"saved {printable(str(path))}")
