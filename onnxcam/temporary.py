"""Temporary files and folders, and the removal of those that killed runs have left.

Each is made in the folder of the file that it will become, and locked while its process lives. The lock ends with the
process, however that ends. So a temporary without a lock is a leftover.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sys
import time
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Short, and independent of the final name, which may be as long as the system allows.
_NAME = re.compile(r"\.onnxcam-[0-9a-f]{16}")

# Seconds. A file without a lock looks like a leftover: just after it is made, and just before it is renamed.
_YOUNG = 2
# Where nothing can be locked, as on Windows, a leftover is known only by its age.
_OLD_WITHOUT_LOCKS = 24 * 60 * 60

_mine: set[Path] = set()


@contextlib.contextmanager
def temporary_file(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Makes an empty file with a hidden name, which is removed after the block unless it was renamed.

    Args:
        folder: The folder to make it in; leftovers of killed runs are removed from it first.

    Yields:
        The path, and the file open for reading and writing bytes.

    Raises:
        OSError: The folder does not exist or cannot be written.
    """
    with _named(folder) as path, path.open("x+b") as file, _locked(path):
        yield path, file


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Makes an empty folder with a hidden name, which is removed after the block with everything in it.

    Args:
        folder: The folder to make it in; leftovers of killed runs are removed from it first.

    Yields:
        The path.

    Raises:
        OSError: The folder does not exist or cannot be written.
    """
    with _named(folder) as path:
        path.mkdir()
        with _locked(path):
            yield path


def remove_mine() -> None:
    """Removes the temporaries of this process, for an exit that does not leave their blocks."""
    for path in list(_mine):
        _remove(path)


def remove_leftovers(folder: Path) -> None:
    """Removes temporary files and folders that no living process has locked.

    Args:
        folder: The folder to look in; its subfolders are not searched. What cannot be removed stays.
    """
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name) and path not in _mine and _is_abandoned(path):
                _remove(path)


@contextlib.contextmanager
def _named(folder: Path) -> Iterator[Path]:
    folder = folder.absolute()
    _remove_leftovers_once(folder)
    path = folder / f".onnxcam-{secrets.token_hex(8)}"
    _mine.add(path)
    try:
        yield path
    finally:
        _remove(path)
        _mine.discard(path)


@lru_cache(maxsize=256)
def _remove_leftovers_once(folder: Path) -> None:
    """Searches each folder once: one of many thousand images would otherwise be searched for each of them."""
    remove_leftovers(folder)


def _is_abandoned(path: Path) -> bool:
    try:
        age = time.time() - path.lstat().st_mtime
    except OSError:
        return False
    if age < _YOUNG:
        return False
    if sys.platform == "win32":
        return age > _OLD_WITHOUT_LOCKS
    with _locked(path) as free:
        return free


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Locks a file or folder for the block; yields False if another process has locked it, or it cannot be locked."""
    if sys.platform == "win32":
        yield False
        return
    with contextlib.ExitStack() as stack:
        try:
            # Another process may have put anything there: a pipe must not block, and links are not followed.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except OSError:
            free = False
        yield free


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
