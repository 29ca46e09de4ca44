"""Finds the images that the command line's arguments name: files, folders, the standard input."""

from __future__ import annotations

import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.errors import PictureError
from onnxcam.files import mode_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The endings that are explained in a folder; a file that the user names may have any ending.
PICTURE_ENDINGS = {".avif", ".bmp", ".gif", ".jp2", ".mpo", ".png", ".tif", ".tiff", ".webp"}
PICTURE_ENDINGS |= {".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".ppm"}
UNSUPPORTED_ENDINGS = {".heic", ".heif"}
# The names of our own results have this before their ending.
MARK = ".onnxcam"
# The list of the results in an output folder, see ``onnxcam.cli.job.manifest``.
MANIFEST = "manifest.jsonl"
STANDARD_INPUT = "-"

_LONGEST_ENDING = 10
_SUBFOLDERS = "subfolders"
_REMARKS = {_SUBFOLDERS: ", see --recursive"} | dict.fromkeys(
    UNSUPPORTED_ENDINGS, ", not supported: convert them to JPEG"
)


@dataclass(frozen=True, slots=True)
class Found:
    """An image that was found.

    Attributes:
        path: The file, or ``-``.
        under: The subfolders between the searched folder and the file.
        is_standard_input: Whether ``-`` is the standard input, and not a file of this name.
        is_of_folder: Whether it was found in a folder, and not named by the user.
    """

    path: Path
    under: Path = field(default_factory=Path)
    is_standard_input: bool = False
    is_of_folder: bool = False


@dataclass(slots=True)
class Search:
    """The result of a search.

    Attributes:
        pictures: The images, in the order of the arguments; those of a folder are sorted by name.
        failures: The arguments and folders that cannot be searched, with the reasons.
        left_out: For each folder among the arguments, the numbers of other files in it, by kind.
    """

    pictures: list[Found] = field(default_factory=list)
    failures: list[tuple[str, PictureError]] = field(default_factory=list)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def is_for_several(self) -> bool:
        """Whether there are several images, or a folder, which may hold several at another time."""
        return len(self.pictures) > 1 or bool(self.left_out)

    def notes(self) -> Iterator[str]:
        """A line for each folder in which files were left out."""
        for folder, kinds in self.left_out.items():
            if kinds:
                counts = (f"{kind} ({count}{_REMARKS.get(kind, '')})" for kind, count in sorted(kinds.items()))
                yield f"left out in {folder}: {', '.join(counts)}"


def search(arguments: Sequence[str], *, recursive: bool = False) -> Search:
    """Finds the images that the arguments name.

    Args:
        arguments: Files, folders, or ``-`` for the standard input.
        recursive: Whether to search subfolders too. Links to folders are not followed.

    Returns:
        The images, the failures, and the numbers of files left out.
    """
    result = Search()
    for argument in arguments:
        path = Path(argument)
        if argument == STANDARD_INPUT:
            result.pictures.append(Found(path, is_standard_input=True))
        elif not argument:
            result.failures.append((argument, PictureError("the name of an image is empty; give its path")))
        elif stat.S_ISDIR(mode_of(path)):
            _search_folder(path, result, recursive=recursive)
        else:
            result.pictures.append(Found(path))
    return result


def _search_folder(top: Path, result: Search, *, recursive: bool) -> None:
    kinds = result.left_out[str(top)] = Counter()
    before = len(result.pictures) + len(result.failures)
    for item in _walk(top, result, recursive=recursive):
        kind = _kind(item)
        if kind is None:
            result.pictures.append(Found(item, item.parent.relative_to(top), is_of_folder=True))
        else:
            kinds[kind] += 1
    if len(result.pictures) + len(result.failures) == before:
        result.failures.append((str(top), PictureError(f"the folder {top} holds no images")))


def _walk(top: Path, result: Search, *, recursive: bool) -> Iterator[Path]:
    """The entries of a folder by name, then those of its subfolders; folders that are searched are not among them."""
    pending = [top]
    while pending:
        folder = pending.pop()
        try:
            inside = sorted(folder.iterdir())
        except OSError as error:
            reason = PictureError(f"cannot read the folder {folder}: {error.strerror or error}")
            result.failures.append((str(folder), reason))
            continue
        deeper = {item: None for item in inside if recursive and _kind(item) == _SUBFOLDERS}
        pending += reversed(deeper)
        yield from (item for item in inside if item not in deeper)


def _kind(item: Path) -> str | None:
    """The kind of an entry that is not an image, for the user; None if it is an image."""
    mode, ending = mode_of(item), item.suffix.lower()
    if item.name.startswith("."):
        return "hidden ones"
    if stat.S_ISDIR(mode):
        return "links to folders" if item.is_symlink() else _SUBFOLDERS
    if item.stem.endswith(MARK) or item.name == MANIFEST:
        return "results of onnxcam"
    if not ending:
        return "without an ending"
    if ending not in PICTURE_ENDINGS:
        return ending if len(ending) <= _LONGEST_ENDING else "others"
    # Opening a pipe would wait for its writer. A file whose mode is unknown fails when it is opened, with the reason.
    return "pipes and devices" if mode and not stat.S_ISREG(mode) else None
