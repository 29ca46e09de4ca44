"""Chooses the file of each explanation, and never overwrites anything but older results."""

from __future__ import annotations

import itertools
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.cli.search import MARK
from onnxcam.errors import OutputError
from onnxcam.files import check_is_no_source, check_writable, identities, identity, make_folder, mode_of
from onnxcam.render.formats import ENDINGS, FORMATS, named_format, picture_format
from onnxcam.signature import fingerprint, signed_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cli.search import Found, Search


class Outputs:
    """The output files of one command.

    A name that the user gives is used, unless that file is read by the command or was not made by onnxcam. A name that
    the command chooses, ``dog.onnxcam.png``, gets a number unless its file is an older explanation of the same image.
    """

    def __init__(
        self, output: str | None, search: Search, read: Sequence[Path], *, npz: bool, picture: str | None = None
    ) -> None:
        """Decides between a file and a folder.

        Args:
            output: A file for a single image, a folder, or None for the current folder.
            search: The images to explain.
            read: Other files that are read, such as the model.
            npz: Whether arrays are written too.
            picture: The format of the pictures, such as ``png``; None is PNG, or the one of the file's ending.

        Raises:
            OutputError: The file cannot be written or has the ending of another format, or there are several images for
                one file.
        """
        self._read = identities([*(picture.path for picture in search.pictures), *read])
        self._npz = npz
        self._ending = ENDINGS[named_format(picture or "png")]
        self._claimed: dict[Path, str] = {}
        self._folder, self._file = Path(), None
        self.folder: Path | None = None
        if output is not None and _is_folder(output, search):
            self._folder = self.folder = Path(output)
        elif output is not None:
            self._file = Path(output)
            if picture_format(self._file) != named_format(picture or self._file.suffix):
                raise OutputError(f"cannot write {self._file} as {picture}: its ending is that of another format")
            check_writable(self._file)

    def path_for(self, picture: Found, *, keep: bool) -> Path | None:
        """The file to write for an image; its folder is made. The name is kept for this image until ``release``.

        Args:
            picture: The image.
            keep: Whether to keep a file that exists.

        Returns:
            The file; None if it exists and is kept.

        Raises:
            OutputError: The file cannot be written, is read by this command, or was not made by onnxcam.
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

    def release(self, path: Path) -> None:
        """Ends the claim to a file that ``path_for`` gave: it is written, or will not be."""
        self._claimed.pop(path, None)

    def written(self, path: Path) -> list[Path]:
        """The picture's path, and that of the arrays if they are written too."""
        return [path, path.with_suffix(".npz")] if self._npz else [path]

    def _numbered(self, picture: Found) -> Path:
        """``dog.onnxcam.png``, ``dog-2.onnxcam.png`` …: the first that is free, or was made from this image."""
        folder = self._folder / picture.under
        make_folder(folder)
        stem = "stdin" if picture.is_standard_input else picture.path.stem
        source = fingerprint(picture.path)
        numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        paths = (folder / f"{stem}{number}{MARK}{self._ending}" for number in numbers)
        path = next(path for path in paths if all(self._is_free(file, source) for file in self.written(path)))
        self._claimed[path] = source
        return path

    def _is_free(self, file: Path, source: str) -> bool:
        if self._claimed.get(file, source) != source:
            return False
        return identity(file) not in self._read and _is_replaceable(file, source)


def _is_folder(output: str, search: Search) -> bool:
    """Whether the user's output is meant to be a folder."""
    if not output:
        raise OutputError("the name of the output is empty; name a file or a folder")
    path, count = Path(output), len(search.pictures)
    if stat.S_ISDIR(mode_of(path)) or output.endswith(("/", os.sep)):
        return True
    if search.is_for_several and path.suffix.lower() not in FORMATS and not mode_of(path):
        return True
    if count > 1:
        raise OutputError(
            f"{path} is the name of a file, and {count} images need a folder; name an existing or a new one"
        )
    return False


def _is_replaceable(file: Path, source: str | None) -> bool:
    """Whether overwriting loses nothing: there is no file, it is empty, or it is an explanation of the same image.

    Args:
        file: The file to write. Other kinds than regular files are refused elsewhere.
        source: The image's fingerprint; None fits any image.
    """
    if not stat.S_ISREG(mode_of(file)) or file.stat().st_size == 0:
        return True
    signed = signed_source(file)
    return signed is not None and source in {None, signed}
