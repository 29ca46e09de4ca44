"""``onnxcam page``: the browser page, written and served."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from onnxcam.errors import OutputError
from onnxcam.execution.bundled import default_model
from onnxcam.page.serving import server
from onnxcam.page.site import write_site
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(models: Sequence[Path], output: Path | None, port: int | None) -> None:
    """Writes the page, and serves it if a port is given.

    Args:
        models: Explainer models; none is the default model.
        output: The folder; None is one that is removed after serving.
        port: The port of the loopback interface, or None.

    Raises:
        ModelError: A model is not one for the page.
        OutputError: The folder cannot be written, or the port is taken.
    """
    if output is None and port is None:
        raise OutputError("no folder is named; give --output FOLDER, or --serve for a look")
    with contextlib.ExitStack() as stack:
        folder = output or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onnxcam-page-")))
        written = write_site(models or [default_model()], folder)
        if output is not None:
            typer.echo(
                f"saved {printable(str(output))}: the page {written.page / 1e6:.1f} MB, ONNX Runtime "
                f"{written.runtime / 1e6:.1f} MB, models {written.models / 1e6:.1f} MB"
            )
        if port is not None:
            _serve(folder, port)


def _serve(folder: Path, port: int) -> None:
    with server(folder, port) as running:
        typer.echo(f"http://127.0.0.1:{running.server_port}/ until Ctrl-C")
        with contextlib.suppress(KeyboardInterrupt):
            running.serve_forever()
