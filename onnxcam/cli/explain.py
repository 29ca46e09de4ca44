"""``onnxcam explain``: explains images and folders of images."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import typer
from PIL import Image

from onnxcam.artifact.adapt import stated_metadata
from onnxcam.cli.job.one_image import EXPLAINED_ALREADY, RESULT_OF_OURS, Explained, ImageWork, Skipped, Task
from onnxcam.cli.job.pipeline import in_order, shared_processors
from onnxcam.cli.job.tally import Tally
from onnxcam.cli.masks import MaskedRegion
from onnxcam.cli.messages import say
from onnxcam.cli.outputs import Outputs
from onnxcam.cli.progress import progress
from onnxcam.cli.results import as_json
from onnxcam.cli.search import search
from onnxcam.cli.signals import Ended
from onnxcam.cli.targets import read_targets
from onnxcam.errors import MethodError, ModelError, OnnxCamError, OutputError, PictureError, TargetError
from onnxcam.execution.bundled import default_model
from onnxcam.execution.threads import processors
from onnxcam.explainer import Explainer
from onnxcam.files import replacing
from onnxcam.methods import default_methods, methods_of, why_not
from onnxcam.photograph.preprocessing import required
from onnxcam.photograph.reading import reason
from onnxcam.targets.of_scores import Similarity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from onnxcam.cli.job.manifest import Manifest
    from onnxcam.cli.job.options import Options
    from onnxcam.cli.search import Found, Search
    from onnxcam.metadata import Metadata
    from onnxcam.methods import Method

_FAILED = 2


def run(images: Sequence[str], options: Options) -> int:
    """Explains all images, and continues after an image that fails.

    Args:
        images: Images and folders, ``-`` for the standard input.
        options: The command's options.

    Returns:
        The exit code: 2 if an image failed.

    Raises:
        OnnxCamError: Something is wrong for all images, such as the model or a target.
    """
    found = search(images, recursive=options.recursive)
    tally = Tally(len(found.pictures) + len(found.failures))
    for note in found.notes():
        say(note)
    for name, error in found.failures:
        _fail(name, str(error), options, tally)
    if found.pictures:
        _explain_all(found, options, tally)
        if found.is_for_several:
            say(str(tally))
    return _FAILED if tally.failed else 0


def _explain_all(found: Search, options: Options, tally: Tally) -> None:
    model = default_model() if options.model is None else options.model
    metadata = stated_metadata(model)
    texts = [str(one) for one in options.targets]
    with _most_pixels(options.max_pixels):
        targets = tuple(read_targets(texts, metadata))
    options = replace(options, targets=targets, methods=_methods(options.methods, metadata))
    outputs = Outputs(options.output, found, _read(model, options), npz=options.npz, picture=options.format)
    if options.resume and outputs.folder is None:
        raise OutputError("--resume continues a job whose results have a folder of their own; name it with -o FOLDER")
    workers, threads = shared_processors(processors(), len(found.pictures), options.threads)
    explainer = Explainer(model, providers=options.providers, threads=threads, level=options.level)
    required(explainer.metadata)
    with _manifest(outputs, found, model, texts, options) as manifest, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the important ones become notes
        if options.like is not None:
            with _most_pixels(options.max_pixels):
                likeness = Similarity(explainer.embed(options.like)[0])
            options = replace(options, targets=(*options.targets, likeness))
        work = ImageWork(explainer, outputs, options, manifest, for_several=tally.total > 1)
        # Pillow's limit holds for the drawings too, so a lower one is checked where images are opened.
        with _most_pixels(max(options.max_pixels or 0, Image.MAX_IMAGE_PIXELS or 0) or None):
            _explain_each(found, work, workers, tally)


def _explain_each(found: Search, work: ImageWork, workers: int, tally: Tally) -> None:
    tasks = (_task(picture, work) for picture in found.pictures)
    with (
        contextlib.closing(in_order(work, tasks, workers)) as results,
        progress(len(found.pictures), "explaining") as advance,
    ):
        try:
            for task, result in results:
                _finish_or_fail(task, result, work, tally)
                advance()
        except Ended as end:
            end.progress = str(tally)
            raise


def _task(found: Found, work: ImageWork) -> Task:
    """Chooses the file to write; the reason why there is none is told in this image's turn."""
    try:
        return Task(found, work.outputs.path_for(found, keep=work.options.no_clobber))
    except Exception as error:  # noqa: BLE001  it is raised in this image's turn
        return Task(found, None, error)


def _read(model: Path, options: Options) -> list[Path]:
    """The files that the command reads beside the images."""
    masks = [one.path for one in options.targets if isinstance(one, MaskedRegion)]
    return [model, *masks, *([] if options.like is None else [options.like])]


@contextlib.contextmanager
def _manifest(
    outputs: Outputs, found: Search, model: Path, texts: Sequence[str], options: Options
) -> Iterator[Manifest | None]:
    """The manifest of the folder that the user named for several images, or that a job is resumed in."""
    if outputs.folder is None or not (found.is_for_several or options.resume):
        yield None
        return
    from onnxcam.cli.job.manifest import Manifest  # noqa: PLC0415  a single image has none

    with Manifest(outputs.folder, model, texts, options, resume=options.resume) as manifest:
        yield manifest


def _methods(wanted: tuple[Method, ...], metadata: Metadata) -> tuple[Method, ...]:
    """The methods to draw.

    Raises:
        MethodError: The model does not have one of them.
    """
    for method in wanted:
        if reason := why_not(method, metadata):
            raise MethodError(f"{reason}; it has {', '.join(methods_of(metadata))}")
    return wanted or default_methods(metadata)


def _finish_or_fail(task: Task, result: Callable[[], Explained | Skipped], work: ImageWork, tally: Tally) -> None:
    """Waits for an image's results, writes and prints them; an error of this image alone does not end the job."""
    name = str(task.found.path)
    try:
        outcome = result()
        if isinstance(outcome, Explained):
            _write(outcome, work)
    except (ModelError, TargetError) as error:  # these do not name the image
        _fail(name, str(error) if tally.total == 1 else f"{name}: {error}", work.options, tally)
    except (PictureError, OutputError) as error:
        _fail(name, str(error), work.options, tally)
    except (MemoryError, OSError) as error:
        _fail(name, f"cannot explain {name}: {reason(error)}", work.options, tally)
    except Exception as error:
        # An error that holds for all images ends the job. So does a bug of ours if there is no other image to explain:
        # its traceback helps to fix it.
        if isinstance(error, OnnxCamError) or tally.total == 1:
            raise
        _fail(name, f"cannot explain {name}: {type(error).__name__}: {error}", work.options, tally)
    else:
        _tell(name, outcome, work.options, tally)
    finally:
        if task.path is not None:
            work.outputs.release(task.path)


def _write(explained: Explained, work: ImageWork) -> None:
    """Writes the files, and then their line in the manifest."""
    for path, content in explained.files.items():
        with replacing(path) as file:
            file.write(content)
    if work.manifest is not None and explained.listing is not None:
        work.manifest.add(explained.listing)


def _tell(name: str, outcome: Explained | Skipped, options: Options, tally: Tally) -> None:
    if isinstance(outcome, Skipped):
        _skip(name, outcome.reason, options, tally)
        return
    tally.done += 1
    if not options.json:  # which holds them
        for remark in outcome.remarks:
            say(f"{name}: {remark}")
    typer.echo(outcome.text)


def _skip(name: str, why: str, options: Options, tally: Tally) -> None:
    tally.own += why == RESULT_OF_OURS
    tally.skipped += why == EXPLAINED_ALREADY
    if options.json:
        typer.echo(as_json({"path": name, "skipped": why}))
    elif tally.total == 1:  # for several, the tally is enough
        say(f"{name} is skipped: {why}")


def _fail(name: str, message: str, options: Options, tally: Tally) -> None:
    tally.failed += 1
    if options.json:
        typer.echo(as_json({"path": name, "error": message}))
    say(message)


@contextlib.contextmanager
def _most_pixels(count: int | None) -> Iterator[None]:
    """Sets Pillow's limit, which holds for all threads, for the block; None leaves it unchanged."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = before if count is None else count
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
