"""``onnxcam sanity``: runs the sanity checks of a model's explanations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from onnxcam.artifact.adapt import restated, stated_metadata
from onnxcam.artifact.external_data import locations
from onnxcam.cli.messages import say
from onnxcam.cli.progress import progress
from onnxcam.cli.search import search
from onnxcam.cli.table import table
from onnxcam.errors import OutputError, PictureError
from onnxcam.execution.bundled import default_model
from onnxcam.files import check_is_no_source, check_writable, identities, replacing
from onnxcam.intervals import LEVEL
from onnxcam.photograph.opening import PANEL_SIDE, open_picture
from onnxcam.photograph.preprocessing import needed_shorter_side, preprocess, required
from onnxcam.sanity.check import check_sanity
from onnxcam.sanity.verdict import grade, in_words, title_of, verdict_lines
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from onnxcam.intervals import Interval
    from onnxcam.metadata import Metadata
    from onnxcam.sanity.results import MethodCurves, SanityReport

_MODEL_ENDINGS = {".onnx", ".ort"}


def run(arguments: Sequence[str], *, most: int, write: Path | None, as_json: bool, threads: int | None) -> None:
    """Runs the checks and prints a table, or JSON.

    Args:
        arguments: A model, or none for the default one; then images and folders.
        most: The largest number of images to take.
        write: The copy of the model to write, or None.
        as_json: Whether to print JSON.
        threads: As in ``Explainer``.

    Raises:
        PictureError: There is no image, or one cannot be read.
        ModelError: The model is damaged, or takes no images.
        OutputError: The copy cannot be written.
    """
    model, images = _split(arguments)
    metadata = stated_metadata(model)
    required(metadata)
    paths = images_to_take(images, most)
    if write is not None:
        _check_output(write, model, paths)
    report = _checked(model, metadata, paths, threads)
    if write is not None:
        _write(write, model, replace(metadata, sanity=report.short))
    if as_json:
        typer.echo(json.dumps({"model": str(model), "images": [str(path) for path in paths], **as_record(report)}))
    else:
        typer.echo("\n".join(_lines(report, write)))


def with_sanity(model: Path, paths: Sequence[Path]) -> Metadata:
    """Runs the checks, and puts their short form into the model itself.

    Args:
        model: An explainer model that was just made.
        paths: The images, from ``images_to_take``.

    Returns:
        The model's metadata, with the result.

    Raises:
        OnnxCamError: As in ``run``.
    """
    metadata = stated_metadata(model)
    required(metadata)
    metadata = replace(metadata, sanity=_checked(model, metadata, paths, None).short)
    _write(model, model, metadata)
    return metadata


def _checked(model: Path, metadata: Metadata, paths: Sequence[Path], threads: int | None) -> SanityReport:
    tensors = [_tensor(path, metadata) for path in paths]
    return check_sanity(model, tensors, progress=lambda total: progress(total, "checking"), threads=threads)


def as_record(report: SanityReport) -> dict[str, Any]:
    """The results for JSON, each method with its verdict."""
    record = report.as_dict()
    for name in report.methods:
        record["methods"][name] |= {"grade": grade(name, report.short), "verdict": in_words(name, report.short)}
    return record


def _split(arguments: Sequence[str]) -> tuple[Path, Sequence[str]]:
    first = Path(arguments[0])
    if first.suffix.lower() in _MODEL_ENDINGS:
        return first, arguments[1:]
    return default_model(), arguments


def images_to_take(images: Sequence[str], most: int = 10) -> list[Path]:
    """The images to take: all that are found, or as many as wanted at even distances.

    Args:
        images: Images and folders.
        most: The largest number to take.

    Raises:
        PictureError: None is named or found.
    """
    if not images:
        raise PictureError(
            "no image is named; the checks need a few of the kind that the model was made for: "
            "onnxcam sanity MODEL photos/"
        )
    found = search(images)
    for _, error in found.failures:
        raise error
    if any(picture.is_standard_input for picture in found.pictures):
        raise PictureError("the checks take files and folders, not the standard input")
    count = len(found.pictures)
    chosen = range(count) if count <= most else [index * count // most for index in range(most)]
    if count > most:
        say(f"{most} of {count} images are taken; see --pictures")
    return [found.pictures[index].path for index in chosen]


def _tensor(path: Path, metadata: Metadata) -> npt.NDArray[Any]:
    picture = open_picture(path, shorter=needed_shorter_side(metadata), longer=PANEL_SIDE)
    return preprocess(picture, metadata)[0][None]


def _check_output(write: Path, model: Path, pictures: Sequence[Path]) -> None:
    check_is_no_source(write, identities([model, *pictures]))
    if write.suffix.lower() != ".onnx":
        raise OutputError(f"cannot write {write}: an explainer model's name ends in .onnx")
    check_writable(write)
    for location in sorted(set(locations(model.read_bytes()))):
        if not (write.parent / location).is_file():
            raise OutputError(f"cannot write {write}: the model's weights are in {location}, which must lie beside it")


def _write(path: Path, model: Path, metadata: Metadata) -> None:
    with replacing(path) as file:
        file.write(restated(model, metadata))


def _lines(report: SanityReport, write: Path | None) -> Iterator[str]:
    images = f"{report.pictures} {'image' if report.pictures == 1 else 'images'}"
    depths = [str(depth) for depth in report.depths]
    yield f"rank correlation of maps, mean of {images} with {LEVEL:.0%} bootstrap intervals: of two classes, before and"
    yield "after the last layer's weights were permuted, and of a shifted input"
    judged = [(name, *map(_cell, (one.classes, one.rank_correlation[0], one.shift))) for name, one in _by_title(report)]
    yield table(("method", "classes", "last layer", "shift"), judged)
    yield ""
    yield f"before and after the weights of the last {', '.join(depths[:-1])} and all {depths[-1]} layers were permuted"
    yield _by_depth(depths, [(name, one.rank_correlation) for name, one in _by_title(report)])
    yield ""
    yield "structural similarity (SSIM) before and after"
    yield _by_depth(depths, [(name, one.structural_similarity) for name, one in _by_title(report)])
    yield ""
    yield from verdict_lines(report.short)
    if write is not None:
        yield printable(f"saved {write}")


def _by_depth(depths: Sequence[str], curves: Sequence[tuple[str, Sequence[Interval]]]) -> str:
    rows = [(name, *(f"{interval.mean:.2f}" for interval in curve)) for name, curve in curves]
    return table(("method", *depths), rows, right=" ".join(depths))


def _by_title(report: SanityReport) -> Iterator[tuple[str, MethodCurves]]:
    yield from ((title_of(name), one) for name, one in report.methods.items())


def _cell(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.mean:5.2f} [{interval.low:.2f}, {interval.high:.2f}]"
