"""From the command line's arguments to pictures: files, folders, the standard input."""

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

# What a folder is searched for; a file that is named itself may have any ending.
PICTURE_ENDINGS = {".avif", ".bmp", ".gif", ".jp2", ".mpo", ".png", ".tif", ".tiff", ".webp"}
PICTURE_ENDINGS |= {".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".ppm"}
UNSUPPORTED_ENDINGS = {".heic", ".heif"}
# What the names of our own results have before their ending.
MARK = ".onnxcam"
STANDARD_INPUT = "-"

_LONGEST_ENDING = 10
_SUBFOLDERS = "subfolders"
_REMARKS = {_SUBFOLDERS: ", see --recursive"} | dict.fromkeys(
    UNSUPPORTED_ENDINGS, ", not supported: convert them to JPEG"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A picture that was found.

    Attributes:
        path: The file; ``-`` is the standard input, or a file of this name.
        under: The subfolders that lead to it from the folder that was searched.
        is_standard_input: Which of the two.
    """

    path: Path
    under: Path = field(default_factory=Path)
    is_standard_input: bool = False


@dataclass(slots=True)
class Search:
    """What a search found.

    Attributes:
        pictures: In the order of the arguments, those of a folder by name.
        failures: What cannot be searched, and why.
        left_out: What was passed over in each folder that was named, by kind.
    """

    pictures: list[Found] = field(default_factory=list)
    failures: list[tuple[str, PictureError]] = field(default_factory=list)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def is_for_several(self) -> bool:
        """Whether there may be several pictures another time, too: a folder counts for several."""
        return len(self.pictures) > 1 or bool(self.left_out)

    def notes(self) -> Iterator[str]:
        """A line for each folder in which something was passed over."""
        for folder, kinds in self.left_out.items():
            if kinds:
                counts = (f"{kind} ({count}{_REMARKS.get(kind, '')})" for kind, count in sorted(kinds.items()))
                yield f"left out in {folder}: {', '.join(counts)}"


def search(arguments: Sequence[str], *, recursive: bool = False) -> Search:
    """Finds the pictures that are meant.

    Args:
        arguments: Files, folders, or ``-`` for the standard input.
        recursive: Whether to search subfolders too. Links to folders are not followed.

    Returns:
        What was found, and what was not.
    """
    result = Search()
    for argument in arguments:
        path = Path(argument)
        if argument == STANDARD_INPUT:
            result.pictures.append(Found(path, is_standard_input=True))
        elif not argument:
            result.failures.append((argument, PictureError("the name of a picture is empty; give its path")))
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
            result.pictures.append(Found(item, item.parent.relative_to(top)))
        else:
            kinds[kind] += 1
    if len(result.pictures) + len(result.failures) == before:
        result.failures.append((str(top), PictureError(f"the folder {top} holds no pictures")))


def _walk(top: Path, result: Search, *, recursive: bool) -> Iterator[Path]:
    """All that is in a folder by name, and then in its subfolders, but for the folders that it goes into."""
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
    """What else it is than a picture, as told to the user; None where it is one."""
    mode, ending = mode_of(item), item.suffix.lower()
    if item.name.startswith("."):
        return "hidden ones"
    if stat.S_ISDIR(mode):
        return "links to folders" if item.is_symlink() else _SUBFOLDERS
    if item.stem.endswith(MARK):
        return "results of onnxcam"
    if not ending:
        return "without an ending"
    if ending not in PICTURE_ENDINGS:
        return ending if len(ending) <= _LONGEST_ENDING else "others"
    # A pipe would be waited for. What cannot be looked at is left to fail as it is opened, where the reason is told.
    return "pipes and devices" if mode and not stat.S_ISREG(mode) else None
