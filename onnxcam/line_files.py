"""Files of lines that are added to, and that are whole however a job ends.

A line is added in one write. So a file ends in a whole line, or in a part of one that was cut off when the job was
killed: it is left out when the file is read, and removed when the file is opened again.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Self

from onnxcam.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

_CHUNK = 2**16


class LineFile:
    """A file that is open for adding lines; a context manager."""

    def __init__(self, path: Path) -> None:
        """Opens a file, and makes it if it is missing.

        Args:
            path: The file. A last line without an end is removed, so check first that the file is one's own.

        Raises:
            OutputError: It cannot be opened for writing.
        """
        self._path = path
        try:
            self._file = path.open("a+b", buffering=0)
            self._file.truncate(_end_of_lines(self._file))
        except OSError as error:
            raise _cannot_write(path, error) from error

    def __enter__(self) -> Self:
        """For ``with LineFile(…) as file``."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the file."""
        self.close()

    def close(self) -> None:
        """Closes the file, which cannot be added to any more."""
        self._file.close()

    def add(self, line: bytes) -> None:
        """Adds a line, or nothing.

        Args:
            line: Without its end.

        Raises:
            OutputError: It cannot be written, as on a full disk.
        """
        end = self._path.stat().st_size
        try:
            self._write(line + b"\n")
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(end)  # a part may have been written
            raise _cannot_write(self._path, error) from error

    def _write(self, line: bytes) -> None:
        if self._file.write(line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that have an end, with their numbers from 1; none if there is no file.

    Raises:
        OSError: It cannot be read.
    """
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n"):
                yield number, line


def begins_with(path: Path, start: bytes) -> bool:
    """Whether a file begins as given, or is a part of that which was cut off; also if there is no file.

    Raises:
        OSError: It cannot be read.
    """
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        return start.startswith(file.read(len(start)))
    return True


def _end_of_lines(file: FileIO) -> int:
    """The position after the last whole line."""
    position = file.seek(0, os.SEEK_END)
    while position > 0:
        start = max(0, position - _CHUNK)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {path}: {error.strerror or error}")
