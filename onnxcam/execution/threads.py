"""How many threads one run may use: what the user says, and what a container's share of the processors allows."""

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
    """The number that the user gave.

    Raises:
        ProviderError: It is no whole number, below 1 or too large to start so many.
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


def threads_for_quota(root: Path = Path("/")) -> int | None:
    """The threads that a container's quota leaves work for, rounded up as Go and Java do.

    ONNX Runtime counts the processors and knows of no quota. Threads beyond it wait for each other and are held up.

    Args:
        root: Where the system's files are.

    Returns:
        A number, or None where there is no quota below the number of processors.
    """
    quota = min(_quotas(root), default=math.inf)
    return max(1, math.ceil(quota)) if quota < _processors() else None


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """What this process's control groups may use, in processors; https://docs.kernel.org/admin-guide/cgroup-v2.html."""
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
    """The group's folder and all above it; in a container the mount itself may be the group."""
    parts = [part for part in group.split("/") if part not in {"", ".."}]
    for count in range(len(parts) + 1):
        yield mount.joinpath(*parts[:count])


def _version_2(folder: Path) -> float:
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    return _ratio(quota, period)


def _version_1(folder: Path) -> float:
    return _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float:
    """Processors; infinity for ``max``, -1, or where the files are not there."""
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
