"""Repeating and measuring."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WARM_UP, _FEWEST, _MOST = 3, 3, 500


def repeat(run: Callable[[], object], seconds: float) -> dict[str, float]:
    """The times of single runs, for that long, after a warm-up."""
    start = time.perf_counter()
    for _ in range(_WARM_UP):
        run()
        if time.perf_counter() - start > seconds:
            break
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < _FEWEST or (len(times) < _MOST and time.perf_counter() < end):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return summary(times)


def summary(times: Sequence[float]) -> dict[str, float]:
    """What is kept of a list of times, in seconds."""
    ordered = sorted(times)
    return {
        "median": statistics.median(ordered),
        "min": ordered[0],
        "p90": ordered[int(0.90 * (len(ordered) - 1))],
        "p99": ordered[int(0.99 * (len(ordered) - 1))],
        "runs": len(ordered),
    }


def memory() -> dict[str, float]:
    """This process's resident memory now and at its peak, in MiB; empty where there is no /proc."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return {}
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return {name: int(fields[key].split()[0]) / 1024 for name, key in (("resident", "VmRSS"), ("peak", "VmHWM"))}
