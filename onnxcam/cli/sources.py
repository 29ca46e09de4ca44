"""From the command line's paths to a list of pictures and the files to write for each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.errors import OutputError, PictureError
from onnxcam.files import check_writable
from onnxcam.render.formats import picture_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What a folder is searched for; a file that is named itself may be anything that Pillow reads.
PICTURE_ENDINGS = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
MARK = ".onnxcam"


@dataclass(frozen=True, slots=True)
class Job:
    """One picture and where its explanation goes."""

    picture: Path
    output: Path

    @property
    def arrays(self) -> Path:
        """Where the raw arrays go."""
        return self.output.with_suffix(".npz")


def jobs(paths: Sequence[Path], output: Path | None) -> list[Job]:
    """Lists the work, and checks before it starts that the results can be written.

    Args:
        paths: Pictures, and folders of pictures.
        output: A file for a single picture, a folder, or None for the current folder.

    Returns:
        One job for each picture.

    Raises:
        PictureError: A folder cannot be read or holds no pictures.
        OutputError: The output cannot be written, or is one file for several pictures.
    """
    pictures = [picture for path in paths for picture in _pictures(path)]
    if output is not None and not output.is_dir():
        if len(pictures) > 1:
            raise OutputError(f"{output} is not a folder; {len(pictures)} pictures need an existing folder to go to")
        picture_format(output)
        check_writable(output)
        return [Job(pictures[0], output)]
    folder = Path() if output is None else output
    todo = [Job(picture, folder / name) for picture, name in zip(pictures, _names(pictures), strict=True)]
    for job in todo:
        check_writable(job.output)
    return todo


def _pictures(path: Path) -> Iterator[Path]:
    """A picture itself, or all in a folder but our own drawings."""
    if not path.is_dir():
        yield path
        return
    try:
        inside = sorted(path.iterdir())
    except OSError as error:
        raise PictureError(f"cannot read the folder {path}: {error.strerror or error}") from error
    found = [item for item in inside if item.suffix.lower() in PICTURE_ENDINGS and not item.stem.endswith(MARK)]
    if not found:
        raise PictureError(f"the folder {path} holds no pictures")
    yield from found


def _names(pictures: Sequence[Path]) -> list[str]:
    """``dog.onnxcam.png``; where two pictures would share it, ``dog.jpg.onnxcam.png`` or with a number."""
    stems = Counter(picture.stem for picture in pictures)
    bases = [picture.stem if stems[picture.stem] == 1 else picture.name for picture in pictures]
    total, seen = Counter(bases), Counter[str]()
    names = []
    for base in bases:
        seen[base] += 1
        names.append(f"{base}{MARK}.png" if total[base] == 1 else f"{base}-{seen[base]}{MARK}.png")
    return names
