"""Writes output files completely or not at all, and checks paths before the work."""

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

# The errors of ``stat`` for a path where a file can be made: nothing is there, or a link that leads nowhere.
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file, which replaces ``path`` when the block ends without an error.

    Args:
        path: The file to write; an existing file stays until the new one is complete.

    Yields:
        The file, open for reading and writing bytes.

    Raises:
        OutputError: As in ``check_writable``, or the disk is full.
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
    """Checks before the work that a path can be written, and is no device or other special file.

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
    """Checks that an output is not one of the inputs.

    Args:
        path: The file to write.
        sources: The files that are read, from ``identities``.

    Raises:
        OutputError: One of them is the same file, perhaps by another name.
    """
    key = identity(path)
    if key is not None and key in sources:
        raise OutputError(f"cannot write {path}: it is {sources[key]}, which is read; name another file")


def identities(paths: Iterable[Path]) -> dict[Identity, Path]:
    """Files by their identity, which is the same for all names of a file; files that do not exist are left out."""
    return {key: path for path in paths if (key := identity(path)) is not None}


def identity(path: Path) -> Identity | None:
    """The device and inode of a file; None if there is no file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def mode_of(path: Path) -> int:
    """The ``st_mode`` of the file that a path leads to; 0 if there is none, or it cannot be looked at."""
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
    # The mode is checked for the superuser too, for whom ``os.access`` is always true.
    if mode is not None and (not mode & 0o222 or not os.access(path, os.W_OK)):
        return "it is read-only; make it writable, or name another file"
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist"
    if not os.access(path.parent, os.W_OK):
        return f"the folder {path.parent} is not writable"
    return None


def make_folder(path: Path) -> None:
    """Makes a folder and its parents, if they do not exist.

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
