"""Measures one configuration in this process: ``python -m bench.worker CONFIGURATION THREADS SECONDS``.

It prints one line of JSON. It imports only the modules that the configuration needs, since memory is measured too.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.configurations import PEERS, Configuration

if TYPE_CHECKING:
    from collections.abc import Callable

_WARM_UP, _FEWEST, _MOST = 3, 3, 500


def measure(configuration: Configuration, threads: int, seconds: float) -> dict[str, Any]:
    """Times, memory and other figures of a configuration."""
    side = importlib.import_module(_side(configuration))
    if configuration.kind.startswith("start:"):
        figures: dict[str, Any] = side.measure(configuration)
        return figures
    run, facts = side.prepare(configuration, threads)
    return {**facts, "seconds": repeat(run, seconds), **memory()}


def repeat(run: Callable[[], object], seconds: float) -> dict[str, float]:
    """The smallest and the median time of a run in seconds, and the number of runs, at least three."""
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
    """This process's resident memory now and at its peak, in MiB; empty without /proc."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return {}
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return {name: int(fields[key].split()[0]) / 1024 for name, key in (("resident", "VmRSS"), ("peak", "VmHWM"))}


def _side(configuration: Configuration) -> str:
    if configuration.kind.startswith("start:"):
        return "bench.start_up"
    if configuration.kind in PEERS:
        return "bench.peers"
    return "bench.gpu" if configuration.provider == "cuda" else "bench.onnx_side"


if __name__ == "__main__":
    fields, count, duration = sys.argv[1:]
    sys.stdout.write(json.dumps(measure(Configuration(**json.loads(fields)), int(count), float(duration))) + "\n")
