"""The number of threads of a run: the user's number, or a container's quota of processors."""

from __future__ import annotations

import math
import operator
import os
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.errors import ProviderError
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 1024


def checked_threads(threads: object) -> int:
    """Checks the number that the user gave.

    Raises:
        ProviderError: It is not a whole number from 1 to 1024.
    """
    try:
        count = operator.index(threads)  # type: ignore[arg-type]
    except TypeError:
        raise ProviderError(f"threads must be a whole number, not {shortened(repr(threads))}") from None
    if count < 1:
        raise ProviderError(f"threads must be at least 1, not {count}")
    if count > _MOST:
        raise ProviderError(f"threads must be at most {_MOST}, and more were asked for")
    return count


def available_threads(threads: object = None) -> int:
    """The user's number, or one per core, or as many as a container's quota allows.

    Raises:
        ProviderError: As in ``checked_threads``.
    """
    if threads is not None:
        return checked_threads(threads)
    quota = threads_for_quota()
    return _processors() if quota is None else quota


def threads_for_quota(root: Path = Path("/")) -> int | None:
    """The number of threads that a container's quota allows, rounded up as in Go and Java.

    ONNX Runtime starts one thread per processor and does not know the quota. Threads beyond the quota wait for each
    other.

    Args:
        root: The root of the file system.

    Returns:
        A number, or None if there is no quota below the number of processors.
    """
    quota = min(_quotas(root), default=math.inf)
    return max(1, math.ceil(quota)) if quota < _processors() else None


def processors() -> int:
    """The processors that this process may use: those of a container's quota, or of the machine."""
    return threads_for_quota() or _processors()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """The quotas of this process's control groups, in processors.

    https://docs.kernel.org/admin-guide/cgroup-v2.html
    """
    mounts = root / "sys" / "fs" / "cgroup"
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        kinds, _, group = rest.partition(":")
        if not kinds:
            yield from (_version_2(folder) for folder in _and_parents(mounts, group))
        elif "cpu" in kinds.split(","):
            for mount in {mounts / "cpu", mounts / kinds}:
                yield from (_version_1(folder) for folder in _and_parents(mount, group))


def _and_parents(mount: Path, group: str) -> Iterator[Path]:
    """The group's folder and its parents; in a container the mount itself may be the group."""
    parts = [part for part in group.split("/") if part not in {"", ".."}]
    for count in range(len(parts) + 1):
        yield mount.joinpath(*parts[:count])


def _version_2(folder: Path) -> float:
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    return _ratio(quota, period)


def _version_1(folder: Path) -> float:
    return _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float:
    """The quota in processors; infinity for ``max``, -1, or missing files."""
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return math.inf
    return share if share > 0 else math.inf


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, ValueError):
        return ""
