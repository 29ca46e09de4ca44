"""The manifest of an output folder, ``manifest.jsonl``: a line of JSON for each image whose files are written.

A line is written after its files, so that each listed file is whole, however the job ends. Of several lines of one
image, the last one is valid.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Self

from onnxcam.cli.masks import MaskedRegion
from onnxcam.cli.results import as_json
from onnxcam.cli.search import MANIFEST
from onnxcam.errors import OutputError, PictureError
from onnxcam.execution.installation import versions
from onnxcam.files import check_writable, make_folder
from onnxcam.hashes import file_sha256, model_sha256
from onnxcam.line_files import LineFile, begins_with, whole_lines
from onnxcam.photograph.reading import reason
from onnxcam.signature import fingerprint
from onnxcam.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from onnxcam.cli.job.options import Options
    from onnxcam.cli.search import Found

# Every line begins so, which also tells a cut-off line from somebody else's file.
_START = b'{"onnxcam": "'
_KEY = ("source", "input_sha256", "model_sha256", "options")

Key = dict[str, Any]


class Manifest:
    """The manifest of one job's folder, open for adding lines.

    Use it as a context manager.
    """

    def __init__(self, folder: Path, model: Path, texts: Sequence[str], options: Options, *, resume: bool) -> None:
        """Opens the manifest of a folder, and makes both where they are missing.

        Args:
            folder: The output folder.
            model: The model's file.
            texts: The targets as the user gave them.
            options: The command's options, with the targets read.
            resume: Whether to read which images are listed.

        Raises:
            OutputError: The folder or the file cannot be made, or the file is not a manifest of onnxcam.
        """
        self._folder, self._path = folder, folder / MANIFEST
        make_folder(folder)
        check_writable(self._path)
        self._job = {"model_sha256": model_sha256(model), "options": _stated(texts, options)}
        known = versions()
        self._versions = {"onnxcam": __version__} | {
            name: version for name, version in known.items() if name.startswith(("onnxruntime", "ort-"))
        }
        _check_start(self._path)
        self._listed = set(map(_digest, _records(self._path))) if resume else set()
        self._file = LineFile(self._path)

    def __enter__(self) -> Self:
        """For ``with Manifest(…) as manifest``."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the file."""
        self._file.close()

    def key_of(self, found: Found) -> Key:
        """What an image's explanation depends on.

        Raises:
            PictureError: The image cannot be read.
        """
        return {"source": fingerprint(found.path), "input_sha256": _hash_of_image(found), **self._job}

    def has(self, key: Key) -> bool:
        """Whether a line with this key was there when the job began. An image without a hash is never listed."""
        return key["input_sha256"] is not None and _digest(key) in self._listed

    def listing(
        self, key: Key, found: Found, explained: list[dict[str, Any]], files: Sequence[Path], remarks: Sequence[str]
    ) -> dict[str, Any]:
        """The line of an image.

        Args:
            key: From ``key_of``.
            found: The image.
            explained: The explained classes with their scores.
            files: The files, in the folder.
            remarks: The warnings about the image.
        """
        names = [file.relative_to(self._folder).as_posix() for file in files]
        result = {"explained": explained, "files": names, "notes": list(remarks)}
        return {**self._versions, "path": str(found.path), **key, **result}

    def add(self, listing: dict[str, Any]) -> None:
        """Adds a line, after its files have been written.

        Raises:
            OutputError: It cannot be written, as on a full disk.
        """
        self._file.add(as_json(listing).encode("ascii"))


def _stated(texts: Sequence[str], options: Options) -> dict[str, Any]:
    """The options that change the results; pictures among them by their hash."""
    masks = [one.path for one in options.targets if isinstance(one, MaskedRegion)]
    like = [] if options.like is None else [options.like]
    return {
        "targets": list(texts),
        "layer": options.layer,
        "methods": list(options.methods),
        "format": options.format or "png",
        "npz": options.npz,
        "pictures_sha256": [file_sha256(path) for path in (*masks, *like)],
    }


def _hash_of_image(found: Found) -> str | None:
    """The SHA-256 of an image's file; None of the standard input and of other streams, which are read once."""
    if found.is_standard_input or not found.path.is_file():
        return None
    try:
        return file_sha256(found.path)
    except OSError as error:
        raise PictureError(f"cannot read {found.path}: {reason(error)}") from error


def _digest(record: dict[str, Any]) -> bytes:
    """A short form of a key, of which a job may have millions."""
    text = json.dumps([record[name] for name in _KEY], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of all whole lines."""
    for number, line in whole_lines(path):
        yield _record(line, path, number)


def _record(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or not {"onnxcam", "files", *_KEY} <= record.keys():
        raise _foreign(path, f"line {number} is not a line of one")
    return record


def _check_start(path: Path) -> None:
    """Checks that a file is a manifest, by its first line."""
    try:
        first = next(whole_lines(path), None)
        is_ours = first is not None or begins_with(path, _START)
    except OSError as error:
        raise OutputError(f"cannot read {path}: {reason(error)}") from error
    if first is not None:
        _record(first[1], path, first[0])
    elif not is_ours:
        raise _foreign(path, "it begins otherwise")


def _foreign(path: Path, why: str) -> OutputError:
    return OutputError(f"{path} is not a manifest of onnxcam ({why}); move it away, or name another folder")
