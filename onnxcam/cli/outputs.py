"""Which file each explanation goes to, so that nothing is lost."""

from __future__ import annotations

import itertools
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.cli.search import MARK
from onnxcam.errors import OutputError
from onnxcam.files import check_is_no_source, check_writable, identities, identity, make_folder, mode_of
from onnxcam.render.formats import FORMATS, picture_format
from onnxcam.signature import fingerprint, signed_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cli.search import Found, Search


class Outputs:
    """The files of one command.

    A name that the user gave is taken, unless its file is read, or is none of onnxcam's. A name that the command gives,
    ``dog.onnxcam.png``, gets a number where its file is anything but an older explanation of the same photograph.
    """

    def __init__(self, output: str | None, search: Search, read: Sequence[Path], *, npz: bool) -> None:
        """Decides between a file and a folder.

        Args:
            output: A file for a single picture, a folder, or None for the current folder.
            search: What is explained.
            read: What else is read, such as the model.
            npz: Whether arrays are written too.

        Raises:
            OutputError: The file cannot be written, or there are several pictures for one file.
        """
        self._read = identities([*(picture.path for picture in search.pictures), *read])
        self._npz = npz
        self._folder, self._file = Path(), None
        if output is not None and _is_folder(output, search):
            self._folder = Path(output)
        elif output is not None:
            self._file = Path(output)
            picture_format(self._file)
            check_writable(self._file)

    def path_for(self, picture: Found, *, keep: bool) -> Path | None:
        """The file to write for a picture; its folder is made.

        Args:
            picture: What is explained.
            keep: Whether to leave alone whatever is there already.

        Returns:
            The file; None where it is there already, and kept.

        Raises:
            OutputError: The file cannot be written, is read by this command, or is none of onnxcam's.
        """
        path = self._file if self._file is not None else self._numbered(picture)
        files = self.written(path)
        if keep and any(os.path.lexists(file) for file in files):
            return None
        for file in files:
            check_writable(file)
            check_is_no_source(file, self._read)
            if self._file is not None and not _is_replaceable(file, None):
                raise OutputError(f"cannot write {file}: it exists, and onnxcam did not make it; name another file")
        return path

    def written(self, path: Path) -> list[Path]:
        """The drawing, and the arrays beside it if they are wanted."""
        return [path, path.with_suffix(".npz")] if self._npz else [path]

    def _numbered(self, picture: Found) -> Path:
        """``dog.onnxcam.png``, ``dog-2.onnxcam.png`` …: the first that is free, or was made of this photograph."""
        folder = self._folder / picture.under
        make_folder(folder)
        stem = "stdin" if picture.is_standard_input else picture.path.stem
        source = fingerprint(picture.path)
        names = (f"{stem}{MARK}.png" if number == 1 else f"{stem}-{number}{MARK}.png" for number in itertools.count(1))
        return next(
            path
            for path in (folder / name for name in names)
            if all(self._is_free(file, source) for file in self.written(path))
        )

    def _is_free(self, file: Path, source: str) -> bool:
        return identity(file) not in self._read and _is_replaceable(file, source)


def _is_folder(output: str, search: Search) -> bool:
    """Whether the output that the user named is meant to be a folder."""
    if not output:
        raise OutputError("the name of the output is empty; name a file or a folder")
    path, count = Path(output), len(search.pictures)
    if stat.S_ISDIR(mode_of(path)) or output.endswith(("/", os.sep)):
        return True
    if search.is_for_several and path.suffix.lower() not in FORMATS and not mode_of(path):
        return True
    if count > 1:
        raise OutputError(
            f"{path} is a file's name; {count} pictures need an existing folder to go to, or the name of a new one"
        )
    return False


def _is_replaceable(file: Path, source: str | None) -> bool:
    """Whether nothing is lost: there is no file, or an empty one, or an explanation of the same photograph.

    Args:
        file: The file to write. What is no plain file is refused elsewhere.
        source: The photograph's fingerprint; None is any.
    """
    if not stat.S_ISREG(mode_of(file)) or file.stat().st_size == 0:
        return True
    signed = signed_source(file)
    return signed is not None and source in {None, signed}
