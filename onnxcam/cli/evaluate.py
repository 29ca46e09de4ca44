"""``onnxcam evaluate``: measures a model's explanations of a folder of images."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import typer

from onnxcam.cli.evaluation_tables import as_record, as_text
from onnxcam.cli.messages import say
from onnxcam.cli.progress import progress
from onnxcam.cli.results import as_json
from onnxcam.cli.search import search
from onnxcam.cli.signals import Ended
from onnxcam.errors import EvaluationError, MethodError, OutputError, PictureError, TargetError
from onnxcam.evaluation.candidates import candidates_of
from onnxcam.evaluation.conventions import convention_of
from onnxcam.evaluation.evaluator import Evaluator, Question
from onnxcam.evaluation.plot import curves_as_svg, is_plot
from onnxcam.evaluation.records import Record, Records
from onnxcam.evaluation.regions import check_masks, find_mask, read_boxes, region_of_boxes, region_of_mask
from onnxcam.evaluation.summary import mean_curve
from onnxcam.files import check_writable, make_folder, replacing
from onnxcam.hashes import file_sha256
from onnxcam.methods import methods_of, why_not
from onnxcam.photograph.reading import reason
from onnxcam.run_checks import chosen_layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Literal

    from onnxcam.evaluation.candidates import Candidate
    from onnxcam.evaluation.conventions import Convention
    from onnxcam.evaluation.regions import Objects
    from onnxcam.metadata import Metadata
    from onnxcam.methods import Method

_FAILED = 2
_CURVES: tuple[Literal["deletion", "insertion"], ...] = ("deletion", "insertion")


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options, as ``onnxcam.cli.commands.evaluate`` describes them; no methods stands for all."""

    boxes: Path | None
    masks: Path | None
    convention: str
    methods: tuple[Method, ...]
    layer: str | None
    output: Path
    recursive: bool
    json: bool
    batch: int | None
    providers: Sequence[str] | None
    threads: int | None


def run(model: Path | None, images: Sequence[str], options: Options) -> int:
    """Evaluates all images, and continues after an image that fails.

    Args:
        model: An explainer model; None is the default model.
        images: Images and folders.
        options: The command's options.

    Returns:
        The exit code: 2 if an image failed.

    Raises:
        OnnxCamError: Something is wrong for all images, such as the model or the output.
    """
    convention = convention_of(options.convention)
    found = search(images, recursive=options.recursive)
    for note in found.notes():
        say(note)
    for _, error in found.failures:
        say(str(error))
    questions = list(_questions([picture.path for picture in found.pictures], options))
    if not questions:
        return _FAILED
    evaluator = Evaluator(
        model,
        convention,
        partial(_candidates, methods=options.methods, layer=options.layer),
        layer=options.layer,
        providers=options.providers,
        threads=options.threads,
        batch=options.batch,
    )
    make_folder(options.output)
    plots = {curve: options.output / f"{curve}.svg" for curve in _CURVES if curve in convention.metrics}
    for path in plots.values():
        _check_plot(path)
    records, failed = _evaluate(evaluator, questions, Records(options.output / "results.jsonl"))
    if records:
        for curve, path in plots.items():
            _draw(path, curve, records, evaluator.candidates, convention)
        summary = as_record(records, evaluator.candidates, convention) | {
            "outputs": [str(options.output / "results.jsonl"), *map(str, plots.values())]
        }
        typer.echo(as_json(summary) if options.json else as_text(records, evaluator.candidates, convention))
    return _FAILED if failed or found.failures else 0


def _evaluate(evaluator: Evaluator, questions: list[Question], results: Records) -> tuple[list[Record], int]:
    """The records of all images, of which those that are there already are not computed again; and the failures."""
    names = [candidate.name for candidate in evaluator.candidates]
    records: list[Record] = []
    new, failed = [], 0
    for question in questions:
        try:
            known = results.get(evaluator.key_of(question), names)
        except OSError as error:
            failed += 1
            say(f"cannot read {question.path}: {reason(error)}")
            continue
        if known is None:
            new.append(question)
        else:
            records.append(known)
    if records:
        say(f"{len(records)} of {len(questions)} images were evaluated before")
    begin = time.monotonic()
    with warnings.catch_warnings(), progress(len(new), "evaluating") as advance:
        warnings.simplefilter("ignore")
        try:
            for question, result in evaluator.evaluate(new):
                if isinstance(result, Record):
                    results.add(result)
                    records.append(result)
                else:
                    failed += 1
                    _fail(question, result)
                advance()
        except Ended as end:
            end.progress = f"{len(records)} of {len(questions)} images evaluated; the same command goes on from there"
            raise
    if evaluator.forward_passes:
        seconds = time.monotonic() - begin
        say(
            f"{evaluator.forward_passes} forward passes in {seconds:.0f} s, {evaluator.forward_passes / seconds:.0f} a "
            "second"
        )
    return records, failed


def _fail(question: Question, error: Exception) -> None:
    """Reports an image that failed. What would fail for every image ends the evaluation, as do bugs of ours."""
    if not isinstance(error, PictureError | TargetError | OSError | MemoryError):
        raise error
    say(str(error) if isinstance(error, PictureError) else f"cannot evaluate {question.path}: {reason(error)}")


def _candidates(metadata: Metadata, methods: Sequence[Method], layer: str | None) -> list[Candidate]:
    """The methods and baselines to evaluate.

    Raises:
        MethodError: The model does not have one of the methods.
        LayerError: The model has no such layer.
    """
    for method in methods:
        if why := why_not(method, metadata):
            raise MethodError(f"{why}; it has {', '.join(methods_of(metadata))}")
    chosen_layers(layer, metadata)
    return candidates_of(metadata, methods, layer)


def _questions(paths: Sequence[Path], options: Options) -> Iterator[Question]:
    """The images with their objects, if these are given."""
    if options.boxes is not None and options.masks is not None:
        raise EvaluationError("boxes and masks say the same thing; give one of them")
    boxes = {} if options.boxes is None else read_boxes(options.boxes)
    if options.boxes is not None and not any(path.name in boxes for path in paths):
        raise EvaluationError(
            f"{options.boxes} has no boxes of any of the {len(paths)} images; its keys are file names"
        )
    if options.masks is not None:
        check_masks(options.masks)
    for path in paths:
        if path.name in boxes:
            yield _with_boxes(path, boxes[path.name])
        elif options.masks is not None and (mask := find_mask(options.masks, path)) is not None:
            yield Question(path, partial(region_of_mask, path=mask), file_sha256(mask))
        else:
            yield Question(path)


def _with_boxes(path: Path, objects: Objects) -> Question:
    told = hashlib.sha256(json.dumps([objects.boxes, objects.label]).encode()).hexdigest()
    return Question(path, partial(region_of_boxes, boxes=objects.boxes), told, objects.label)


def _check_plot(path: Path) -> None:
    """Checks before the work that a plot can be written, and overwrites nothing but an older plot.

    Raises:
        OutputError: It cannot, or onnxcam did not make the file that is there.
    """
    check_writable(path)
    if path.exists() and path.stat().st_size and not is_plot(path.read_bytes()):
        raise OutputError(f"cannot write {path}: it exists, and onnxcam did not make it; name another folder")


def _draw(
    path: Path,
    curve: Literal["deletion", "insertion"],
    records: Sequence[Record],
    candidates: Sequence[Candidate],
    convention: Convention,
) -> None:
    methods, baselines = (
        {one.name: mean_curve(records, one.name, curve) for one in candidates if one.is_baseline is kind}
        for kind in (False, True)
    )
    title = f"{curve.capitalize()}, {len(records)} image{'s' if len(records) > 1 else ''}"
    with replacing(path) as file:
        file.write(curves_as_svg(title, convention.in_words(curve), methods, baselines).encode())
