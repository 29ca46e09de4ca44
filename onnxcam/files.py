"""Writing output files: whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from onnxcam.errors import OutputError
from onnxcam.temporary import temporary_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Identity = tuple[int, int]

# What ``stat`` says of a path where a file can be made: nothing is there, or a link that leads nowhere.
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file beside ``path``, which takes its place when the block ends without an error.

    Args:
        path: The file to write; what was there stays until the new one is complete.

    Yields:
        The file, open for reading and writing bytes.

    Raises:
        OutputError: As ``check_writable`` says, or the disk is full.
    """
    check_writable(path)
    try:
        with temporary_file(path.parent) as (temporary, file):
            yield file
            file.close()
            temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def check_writable(path: Path) -> None:
    """Refuses before the work what would fail after it, or destroy what is no plain file.

    Args:
        path: The file to write.

    Raises:
        OutputError: The folder does not exist or cannot be written; or ``path`` is a folder, a device, a pipe or a
            socket, a file that is read-only, or a name that the system does not allow.
    """
    try:
        reason = _why_not(path)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise OutputError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
    if reason is not None:
        raise OutputError(f"cannot write {path}: {reason}")


def check_is_no_source(path: Path, sources: Mapping[Identity, Path]) -> None:
    """Refuses to write over a file that is read.

    Args:
        path: The file to write.
        sources: The files that are read, from ``identities``.

    Raises:
        OutputError: One of them is the same file, by whatever name.
    """
    key = identity(path)
    if key is not None and key in sources:
        raise OutputError(f"cannot write {path}: it is {sources[key]}, which is read; name another file")


def identities(paths: Iterable[Path]) -> dict[Identity, Path]:
    """Files by what is the same for all names of one file; those that do not exist are left out."""
    return {key: path for path in paths if (key := identity(path)) is not None}


def identity(path: Path) -> Identity | None:
    """The device and inode of a file; None where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def mode_of(path: Path) -> int:
    """The kind of file that a path leads to, as the module ``stat`` reads it; 0 where there is none to be seen."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _why_not(path: Path) -> str | None:
    mode = _mode(path)
    if mode is not None and stat.S_ISDIR(mode):
        return "it is a folder; name a file in it"
    if mode is not None and not stat.S_ISREG(mode):
        return "it is a device, a pipe or a socket, and would be replaced; name a file"
    # The mode counts for the superuser too, whom the system allows everything.
    if mode is not None and (not mode & 0o222 or not os.access(path, os.W_OK)):
        return "it is read-only; make it writable, or name another file"
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist"
    if not os.access(path.parent, os.W_OK):
        return f"the folder {path.parent} is not writable"
    return None


def make_folder(path: Path) -> None:
    """Makes a folder, and those above it, where they do not exist.

    Raises:
        OutputError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot make the folder {path}: {getattr(error, 'strerror', None) or error}") from error


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
