"""``onnxcam explain``: explains images and folders of images."""

from __future__ import annotations

import contextlib
import sys
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer
from PIL import Image

from onnxcam.artifact.adapt import stated_metadata
from onnxcam.cli.masks import MaskedRegion
from onnxcam.cli.outputs import Outputs
from onnxcam.cli.progress import progress
from onnxcam.cli.results import as_json, as_line, as_table, notes, record
from onnxcam.cli.search import search
from onnxcam.cli.signals import Ended
from onnxcam.cli.targets import read_targets
from onnxcam.errors import MethodError, ModelError, OnnxCamError, OutputError, PictureError, TargetError
from onnxcam.execution.bundled import default_model
from onnxcam.explainer import Explainer
from onnxcam.methods import default_methods, methods_of, required_level, why_not
from onnxcam.photograph.opening import PANEL_SIDE, open_picture
from onnxcam.photograph.preprocessing import needed_shorter_side, required
from onnxcam.photograph.reading import reason
from onnxcam.render.formats import save_picture
from onnxcam.signature import fingerprint
from onnxcam.targets.of_scores import Similarity
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from onnxcam.cli.search import Found, Search
    from onnxcam.cli.targets import Asked
    from onnxcam.explanation import Explanation
    from onnxcam.levels import Level
    from onnxcam.metadata import Metadata
    from onnxcam.methods import Method
    from onnxcam.photograph.opening import Picture

_FAILED = 2
_THERE_ALREADY = "its explanation exists already"


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options, as ``onnxcam.cli.commands.explain`` describes them; no methods stands for all.

    The targets are texts until they are read.
    """

    model: Path | None
    targets: tuple[Asked, ...]
    like: Path | None
    layer: str | None
    methods: tuple[Method, ...]
    output: str | None
    recursive: bool
    no_clobber: bool
    npz: bool
    json: bool
    top: int
    max_pixels: int | None
    providers: Sequence[str] | None
    threads: int | None

    @property
    def level(self) -> Level:
        """The lowest level that the methods need."""
        return max(map(required_level, self.methods), default=2)


@dataclass(slots=True)
class Tally:
    """The numbers of images that are done, failed and skipped so far."""

    total: int
    done: int = 0
    failed: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        """A line for the end of a job, or for an interrupted job."""
        line = f"{self.done} of {self.total} images explained"
        if self.failed:
            line += f", {self.failed} failed"
        return f"{line}, {self.skipped} skipped (already explained)" if self.skipped else line


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
        _say(note)
    for name, error in found.failures:
        _fail(name, str(error), options, tally)
    if found.pictures:
        _explain_all(found, options, tally)
        if found.is_for_several:
            _say(str(tally))
    return _FAILED if tally.failed else 0


def _explain_all(found: Search, options: Options, tally: Tally) -> None:
    model = default_model() if options.model is None else options.model
    metadata = stated_metadata(model)
    with _most_pixels(options.max_pixels):
        targets = read_targets([str(one) for one in options.targets], metadata)
    read = [model, *(one.path for one in targets if isinstance(one, MaskedRegion))]
    read += [] if options.like is None else [options.like]
    outputs = Outputs(options.output, found, read, npz=options.npz)
    options = replace(options, methods=_methods(options.methods, metadata))
    explainer = Explainer(model, providers=options.providers, threads=options.threads, level=options.level)
    required(explainer.metadata)
    if options.like is not None:
        with _most_pixels(options.max_pixels):
            targets.append(Similarity(explainer.embed(options.like)[0]))
    options = replace(options, targets=tuple(targets))
    with warnings.catch_warnings(), progress(len(found.pictures), "explaining") as advance:
        warnings.simplefilter("ignore")  # the important ones become notes
        try:
            for picture in found.pictures:
                _explain_or_fail(picture, explainer, outputs, options, tally)
                advance()
        except Ended as end:
            end.progress = str(tally)
            raise


def _methods(wanted: tuple[Method, ...], metadata: Metadata) -> tuple[Method, ...]:
    """The methods to draw.

    Raises:
        MethodError: The model does not have one of them.
    """
    for method in wanted:
        if reason := why_not(method, metadata):
            raise MethodError(f"{reason}; it has {', '.join(methods_of(metadata))}")
    return wanted or default_methods(metadata)


def _explain_or_fail(found: Found, explainer: Explainer, outputs: Outputs, options: Options, tally: Tally) -> None:
    name = str(found.path)
    try:
        line = _explain(found, explainer, outputs, options, several=tally.total > 1)
    except (PictureError, OutputError, ModelError, TargetError) as error:
        _fail(name, str(error), options, tally)
    except (MemoryError, OSError) as error:
        _fail(name, f"cannot explain {name}: {reason(error)}", options, tally)
    except Exception as error:
        # An error that holds for all images ends the job. So does a bug of ours if there is no other image to explain:
        # its traceback helps to fix it.
        if isinstance(error, OnnxCamError) or tally.total == 1:
            raise
        _fail(name, f"cannot explain {name}: {type(error).__name__}: {error}", options, tally)
    else:
        if line is None:
            _skip(name, options, tally)
        else:
            tally.done += 1
            typer.echo(line)


def _explain(found: Found, explainer: Explainer, outputs: Outputs, options: Options, *, several: bool) -> str | None:
    """Explains one image, writes its files, and returns the text to print; None if the image is skipped."""
    path = outputs.path_for(found, keep=options.no_clobber)
    if path is None:
        return None
    with _most_pixels(options.max_pixels):
        picture = _open(found, explainer)
    metadata = explainer.metadata
    targets = [one.on(picture, metadata) if isinstance(one, MaskedRegion) else one for one in options.targets]
    explanation = explainer.explain(picture, targets, layer=options.layer, level=options.level)
    source = fingerprint(found.path)
    save_picture(path, lambda: explanation.figure(methods=options.methods, layer=options.layer), source=source)
    written = outputs.written(path)
    if options.npz:
        _save_arrays(explanation, written[-1], options, source)
    remarks = notes(explanation, picture)
    if options.json:
        return as_json(
            record(explanation, found.path, options.methods, top=options.top, written=written, remarks=remarks)
        )
    for remark in remarks:
        _say(f"{found.path}: {remark}")
    if several:
        return as_line(explanation, found.path, written)
    return as_table(explanation, options.top, written)


def _open(found: Found, explainer: Explainer) -> Picture:
    shorter = needed_shorter_side(explainer.metadata)
    if found.is_standard_input:
        return open_picture(sys.stdin.buffer, shorter=shorter, longer=PANEL_SIDE, name="the standard input")
    return open_picture(found.path, shorter=shorter, longer=PANEL_SIDE)


def _save_arrays(explanation: Explanation, path: Path, options: Options, source: str) -> None:
    from onnxcam.cli.arrays import save_arrays  # noqa: PLC0415  most runs save no arrays

    save_arrays(explanation, path, options.methods, source)


def _skip(name: str, options: Options, tally: Tally) -> None:
    tally.skipped += 1
    if options.json:
        typer.echo(as_json({"path": name, "skipped": _THERE_ALREADY}))
    elif tally.total == 1:  # for several, the tally is enough
        _say(f"{name} is skipped: {_THERE_ALREADY}")


def _fail(name: str, message: str, options: Options, tally: Tally) -> None:
    tally.failed += 1
    if options.json:
        typer.echo(as_json({"path": name, "error": message}))
    _say(message)


def _say(message: str) -> None:
    sys.stderr.write(f"onnxcam: {printable(message)}\n")


@contextlib.contextmanager
def _most_pixels(count: int | None) -> Iterator[None]:
    """Sets Pillow's limit for the block; None leaves it unchanged."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = before if count is None else count
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
