"""Lists and reads the images of a source, here or in a bucket, through Arrow's file systems."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import fs

from onnxcam.bulk.sources import is_uri
from onnxcam.errors import PictureError
from onnxcam.photograph.reading import STREAM_LIMIT, reason

if TYPE_CHECKING:
    from onnxcam.bulk.sources import Source

# A bucket answers after some 50 ms, so that many requests are under way at a time.
_REQUESTS = 16


def opened(place: str) -> tuple[fs.FileSystem, str]:
    """The file system of a path or URI, and the path in it.

    Raises:
        PictureError: There is no such file system, or it cannot be reached.
    """
    if not is_uri(place):
        return fs.LocalFileSystem(), place
    try:
        filesystem, path = fs.FileSystem.from_uri(place)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise PictureError(f"cannot open {place}: {reason_of(error)}") from error
    return filesystem, path


def listed(source: Source) -> list[str]:
    """The images of a source, sorted: paths, or URIs if the source is one.

    Raises:
        PictureError: There is nothing at the source, or it cannot be read.
    """
    filesystem, base = opened(source.base)
    try:
        found = filesystem.get_file_info(base)
        if found.type == fs.FileType.File:
            return [source.base]
        if found.type == fs.FileType.NotFound:
            raise PictureError(f"there is no {source.base}")
        inside = filesystem.get_file_info(fs.FileSelector(base, recursive=True))
    except (pa.ArrowException, OSError) as error:
        raise PictureError(f"cannot read {source.base}: {reason_of(error)}") from error
    below = (entry.path[len(base) :].lstrip("/") for entry in inside if entry.type == fs.FileType.File)
    names = sorted(name for name in below if source.matches(name))
    if not names:
        where = source.base if source.pattern is None else f"{source.base} by the pattern {source.pattern}"
        raise PictureError(f"there are no images in {where}")
    return [f"{source.base.rstrip('/')}/{name}" for name in names]


def loaded(batch: pa.Table, root: str = "") -> pa.Table:
    """Reads the files of a batch.

    Args:
        batch: ``path``, and perhaps ``bytes``, which are then taken.
        root: The folder that relative paths start from.

    Returns:
        ``path``, ``bytes``, ``hash`` and ``error``. A file that cannot be read has no bytes.
    """
    paths = batch["path"].cast(pa.string())
    if "bytes" in batch.column_names:
        contents = [value.as_py() for value in batch["bytes"]]
        read = [(content, None if content is not None else "there are no bytes") for content in contents]
    else:
        with ThreadPoolExecutor(_REQUESTS) as pool:
            read = list(pool.map(partial(_read, root), paths.to_pylist()))
    hashes = [None if content is None else hashlib.sha256(content).hexdigest() for content, _ in read]
    columns = {
        "path": paths,
        "bytes": pa.array([content for content, _ in read], pa.large_binary()),
        "hash": pa.array(hashes, pa.string()),
        "error": pa.array([error for _, error in read], pa.string()),
    }
    return pa.table(columns)


def _read(root: str, place: str | None) -> tuple[bytes | None, str | None]:
    """The bytes of a file, or the reason why there are none."""
    if not place:
        return None, "there is no path"
    try:
        filesystem, path = opened(place if is_uri(place) else os.path.join(root, place))  # noqa: PTH118  an empty root
        found = filesystem.get_file_info(path)
        if found.type != fs.FileType.File:
            what = "is no file" if found.type != fs.FileType.NotFound else "does not exist"
            return None, f"{place} {what}"
        if found.size is not None and found.size > STREAM_LIMIT:
            return None, f"{place} has more than {STREAM_LIMIT >> 20} MiB"
        with filesystem.open_input_stream(path) as stream:
            return stream.readall(), None
    except (pa.ArrowException, OSError) as error:
        return None, f"cannot read {place}: {reason_of(error)}"
    except PictureError as error:
        return None, str(error)


def reason_of(error: Exception) -> str:
    """The first line of an error's message, without the number of a system's error."""
    return reason(error).partition("\n")[0]
