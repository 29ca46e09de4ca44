"""Measures one configuration in this process: ``python -m bench.worker CONFIGURATION [THREADS [SECONDS]]``.

It prints one line of JSON. What it imports depends on the configuration, since memory is measured too.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

from bench.configurations import ONNX_KINDS, Configuration
from bench.timing import memory, repeat

_GROUPS = {
    "install": "bench.install",
    "memory": "bench.memory_use",
    "picture": "bench.pictures",
    "profile": "bench.profiling",
    "start": "bench.start",
}


def measure(configuration: Configuration, threads: int, seconds: float) -> dict[str, Any]:
    """What there is to say about a configuration."""
    group = _GROUPS.get(configuration.kind.partition(":")[0], "bench.service" if configuration.clients else "")
    if not group:
        return _repeated(configuration, threads, seconds)
    measured: dict[str, Any] = importlib.import_module(group).measure(configuration, threads, seconds)
    return measured


def _repeated(configuration: Configuration, threads: int, seconds: float) -> dict[str, Any]:
    if configuration.kind in ONNX_KINDS:
        from bench import onnx_side

        prepared = onnx_side.prepare(configuration, threads)
    else:
        from bench import torch_side

        prepared = torch_side.prepare(configuration, threads)
    measured = {**prepared.facts, "seconds": repeat(prepared.run, seconds), **memory()}
    if prepared.after is not None:
        measured["maps"] = repeat(prepared.after, min(seconds, 0.5))["median"]
    return measured


def main() -> None:
    """Reads the arguments, prints the line."""
    fields, *numbers = sys.argv[1:]
    threads = int(numbers[0]) if numbers else os.cpu_count() or 1
    seconds = float(numbers[1]) if numbers[1:] else 4.0
    sys.stdout.write(json.dumps(measure(Configuration(**json.loads(fields)), threads, seconds)) + "\n")


if __name__ == "__main__":
    main()
