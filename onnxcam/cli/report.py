"""``onnxcam report``: an HTML file and a JSON file of many images' explanations."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import typer

from onnxcam.artifact.adapt import stated_metadata
from onnxcam.cli.messages import say
from onnxcam.cli.progress import progress
from onnxcam.cli.search import search
from onnxcam.errors import MethodError, OutputError, PictureError
from onnxcam.execution.bundled import default_model
from onnxcam.files import check_is_no_source, check_writable, identities
from onnxcam.methods import METHODS
from onnxcam.reporting.build import Settings, check_model, make_report, write_report
from onnxcam.reporting.content import FORMAT
from onnxcam.reporting.true_labels import true_classes
from onnxcam.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.methods import MapMethod
    from onnxcam.reporting.content import Report

_FAILED = 2
_ENDINGS = {".html", ".htm"}


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options, as ``onnxcam.cli.commands.report`` describes them."""

    model: Path | None
    labels: str | None
    method: str
    layer: str | None
    title: str
    steps: int
    recursive: bool
    providers: Sequence[str] | None
    threads: int | None


def run(images: Sequence[str], output: Path, options: Options) -> int:
    """Makes the report.

    Args:
        images: Images and folders.
        output: The HTML file.
        options: The command's options.

    Returns:
        The exit code: 2 if an image failed.

    Raises:
        OnnxCamError: Something is wrong for all images.
    """
    model = default_model() if options.model is None else options.model
    metadata = stated_metadata(model)
    if options.method not in METHODS:
        raise MethodError(f"there is no method {shortened(repr(options.method))}; there are {', '.join(METHODS)}")
    check_model(metadata, options.method)
    pictures = _pictures(images, recursive=options.recursive)
    _check_outputs(output, [model, *pictures])
    true = {} if options.labels is None else true_classes(options.labels, pictures, metadata)
    method = cast("MapMethod", options.method)
    settings = Settings(options.title, method, options.layer, options.steps, options.providers, options.threads)
    with warnings.catch_warnings(), progress(len(pictures), "explaining") as advance:
        warnings.simplefilter("ignore")  # an image's damage is in the report
        report = make_report(model, pictures, true, settings, advance=advance)
    written = write_report(report, output)
    return _tell(report, written)


def _pictures(images: Sequence[str], *, recursive: bool) -> list[Path]:
    found = search(images, recursive=recursive)
    for note in found.notes():
        say(note)
    for _, error in found.failures:
        raise error
    if any(picture.is_standard_input for picture in found.pictures):
        raise PictureError("a report is made of files and folders, not of the standard input")
    return list(dict.fromkeys(picture.path for picture in found.pictures))


def _check_outputs(output: Path, read: Sequence[Path]) -> None:
    if output.suffix.lower() not in _ENDINGS:
        raise OutputError(f"cannot write {output}: a report's name ends in .html")
    for path in (output, output.with_suffix(".json")):
        check_is_no_source(path, identities(read))
        check_writable(path)
        if path.exists() and not _is_ours(path):
            raise OutputError(f"cannot write {path}: it exists, and onnxcam did not make it; name another file")


def _is_ours(path: Path) -> bool:
    """Whether overwriting loses nothing but an earlier report."""
    with path.open("rb") as file:
        start = file.read(2000)
    return not start or FORMAT.encode() in start


def _tell(report: Report, written: Sequence[Path]) -> int:
    summary = report.summary
    for failure in report.failures:
        say(failure.error)
    line = f"{summary['pictures']} images"
    if summary["mistakes"] is not None:
        line += f", {summary['mistakes']} of {summary['with_true_class']} wrong"
    if summary["deletion"] is not None:
        line += f", deletion {summary['deletion']:.3f}, insertion {summary['insertion']:.3f}"
    typer.echo(printable(f"{line} -> {', '.join(map(str, written))}"))
    return _FAILED if report.failures else 0
