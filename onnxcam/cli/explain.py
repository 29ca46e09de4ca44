"""``onnxcam explain``."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from PIL import Image

from onnxcam.cli.progress import progress
from onnxcam.cli.report import as_json, as_line, as_table, error_as_json
from onnxcam.cli.sources import Job, jobs
from onnxcam.errors import PictureError
from onnxcam.explainer import Explainer
from onnxcam.explanation import DEFAULT_METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.explainer import Level
    from onnxcam.explanation import Explanation, Method

_BAD_PICTURE = 2


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options, as ``onnxcam.cli.app.explain`` describes them."""

    model: Path | None
    targets: tuple[str, ...]
    layer: str | None
    method: str
    output: Path | None
    npz: bool
    json: bool
    top: int
    providers: Sequence[str] | None
    threads: int | None

    @property
    def methods(self) -> tuple[Method, ...]:
        """What to draw."""
        return DEFAULT_METHODS if self.method == "all" else (self.method,)  # type: ignore[return-value]

    @property
    def level(self) -> Level:
        """The lowest level that gives the methods."""
        return 2 if any(method.startswith("guided") for method in self.methods) else 1


def run(paths: Sequence[Path], options: Options) -> int:
    """Explains all pictures, going on past bad ones.

    Args:
        paths: Pictures and folders.
        options: The command's options.

    Returns:
        The exit code: 2 where a picture was bad.
    """
    todo = jobs(paths, options.output)
    explainer = Explainer(options.model, providers=options.providers, threads=options.threads)
    several = len(todo) > 1
    bad = []
    with warnings.catch_warnings(), progress(len(todo), "explaining") as advance:
        # What Pillow warns of is refused with an error of our own.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        for job in todo:
            try:
                typer.echo(_explain(explainer, job, options, several=several))
            except PictureError as error:
                bad.append(error)
                if options.json:
                    typer.echo(error_as_json(job.picture, error))
            advance()
    for mistake in bad:
        sys.stderr.write(f"onnxcam: {mistake}\n")
    return _BAD_PICTURE if bad else 0


def _explain(explainer: Explainer, job: Job, options: Options, *, several: bool) -> str:
    """Explains one picture, writes its files, and tells what to print."""
    explanation = explainer.explain(job.picture, list(options.targets), layer=options.layer, level=options.level)
    explanation.save(job.output, methods=options.methods, layer=options.layer)
    written = [job.output]
    if options.npz:
        written.append(_save_arrays(explanation, job, options))
    if options.json:
        return as_json(explanation, job.picture, options.methods, options.top, written)
    if several:
        return as_line(explanation, job.picture, written)
    return as_table(explanation, options.top, written)


def _save_arrays(explanation: Explanation, job: Job, options: Options) -> Path:
    from onnxcam.cli.arrays import save_arrays  # noqa: PLC0415  most calls save none

    return save_arrays(explanation, job.arrays, options.methods)
