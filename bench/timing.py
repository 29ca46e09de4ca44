"""Repeating, and the memory of this process."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WARM_UP, _FEWEST, _MOST = 3, 3, 500


def repeat(run: Callable[[], object], seconds: float) -> dict[str, float]:
    """The least and the median of the times of single runs, in seconds, and their number.

    Args:
        run: What is timed.
        seconds: How long it is repeated, after a warm-up; three runs at least.
    """
    for _ in range(_WARM_UP):
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < _FEWEST or (len(times) < _MOST and time.perf_counter() < end):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return {"min": min(times), "median": statistics.median(times), "runs": len(times)}


def memory() -> dict[str, float]:
    """This process's resident memory now and at its peak, in MiB; empty where there is no /proc."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return {}
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return {name: int(fields[key].split()[0]) / 1024 for name, key in (("resident", "VmRSS"), ("peak", "VmHWM"))}
