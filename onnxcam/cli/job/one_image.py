"""Explains one image of a job: everything that a worker does, from the file to the bytes of the results."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from onnxcam.cli.masks import MaskedRegion
from onnxcam.cli.results import as_json, as_line, as_table, notes, record
from onnxcam.photograph.opening import PANEL_SIDE, open_picture
from onnxcam.photograph.preprocessing import needed_shorter_side
from onnxcam.render.formats import encode, picture_format
from onnxcam.signature import fingerprint, signed_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.cli.job.manifest import Manifest
    from onnxcam.cli.job.options import Options
    from onnxcam.cli.outputs import Outputs
    from onnxcam.cli.search import Found
    from onnxcam.explainer import Explainer
    from onnxcam.explanation import Explanation
    from onnxcam.photograph.opening import Picture

EXPLAINED_ALREADY = "its explanation exists already"
RESULT_OF_OURS = "it is a result of onnxcam"


@dataclass(frozen=True, slots=True)
class Task:
    """An image, and the file to write.

    Attributes:
        found: The image.
        path: The picture to write; None if the image is skipped, since its explanation exists.
        error: The reason why no file can be written.
    """

    found: Found
    path: Path | None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An image that is not explained, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Explained:
    """The results for an image, which are not written yet.

    Attributes:
        files: The content of each file.
        text: What is printed.
        remarks: Warnings about the image.
        listing: The line of the manifest, or None.
    """

    files: dict[Path, bytes]
    text: str
    remarks: tuple[str, ...]
    listing: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ImageWork:
    """The work on each image of a job, for any thread.

    Attributes:
        explainer: The model.
        outputs: The files of the job.
        options: The command's options.
        manifest: The manifest of the output folder, or None.
        for_several: Whether the job has several images, each of which is told in a line.
    """

    explainer: Explainer
    outputs: Outputs
    options: Options
    manifest: Manifest | None
    for_several: bool

    def __call__(self, task: Task) -> Explained | Skipped:
        """Opens, explains, draws and encodes.

        Raises:
            OnnxCamError: The image, or something about the job, is wrong.
            OSError: The image cannot be read.
        """
        if task.error is not None:
            raise task.error
        if task.path is None:
            return Skipped(EXPLAINED_ALREADY)
        found, files = task.found, self.outputs.written(task.path)
        if found.is_of_folder and signed_source(found.path) is not None:
            return Skipped(RESULT_OF_OURS)
        key = self.manifest.key_of(found) if self.manifest is not None else {}
        if self.manifest is not None and self.manifest.has(key) and all(file.exists() for file in files):
            return Skipped(EXPLAINED_ALREADY)
        picture = _open(found, self.explainer, self.options.max_pixels)
        explanation = self._explain(picture)
        remarks = tuple(notes(explanation, picture))
        content = dict(zip(files, self._encoded(explanation, found, task.path), strict=True))
        listing = None
        if self.manifest is not None:
            listing = self.manifest.listing(key, found, _explained(explanation), files, remarks)
        return Explained(content, self._text(explanation, found, files, remarks), remarks, listing)

    def _explain(self, picture: Picture) -> Explanation:
        metadata, options = self.explainer.metadata, self.options
        targets = [one.on(picture, metadata) if isinstance(one, MaskedRegion) else one for one in options.targets]
        return self.explainer.explain(picture, targets, layer=options.layer, level=options.level)

    def _encoded(self, explanation: Explanation, found: Found, path: Path) -> list[bytes]:
        """The picture, and the arrays if they are written too."""
        options, source = self.options, fingerprint(found.path)
        figure = explanation.figure(methods=options.methods, layer=options.layer)
        encoded = [encode(figure, picture_format(path), source)]
        if options.npz:
            from onnxcam.cli.arrays import encode_arrays  # noqa: PLC0415  most runs save no arrays

            encoded.append(encode_arrays(explanation, options.methods, source))
        return encoded

    def _text(self, explanation: Explanation, found: Found, files: Sequence[Path], remarks: tuple[str, ...]) -> str:
        options, path = self.options, found.path
        if options.json:
            return as_json(record(explanation, path, options.methods, top=options.top, written=files, remarks=remarks))
        if self.for_several:
            return as_line(explanation, path, files)
        return as_table(explanation, options.top, files)


def _open(found: Found, explainer: Explainer, most_pixels: int | None) -> Picture:
    shorter = needed_shorter_side(explainer.metadata)
    source, name = (sys.stdin.buffer, "the standard input") if found.is_standard_input else (found.path, None)
    return open_picture(source, shorter=shorter, longer=PANEL_SIDE, most_pixels=most_pixels, name=name)


def _explained(explanation: Explanation) -> list[dict[str, Any]]:
    return [asdict(explanation.explained(row)) for row in range(len(explanation.class_index))]
