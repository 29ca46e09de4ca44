"""Measures one configuration in this process: ``python -m bench.worker CONFIGURATION THREADS SECONDS``.

It prints one line of JSON. What it imports depends on the configuration, since memory is measured too.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from bench.configurations import ONNX_KINDS, Configuration
from bench.timing import memory, repeat

_ONCE = {"memory": "bench.memory_use", "start": "bench.start_up"}


def measure(configuration: Configuration, threads: int, seconds: float) -> dict[str, Any]:
    """The figures of a configuration: those of its own module, or the times of repeated runs."""
    module = _ONCE.get(configuration.kind.partition(":")[0])
    if module:
        figures: dict[str, Any] = importlib.import_module(module).measure(configuration, threads)
        return figures
    prepared = importlib.import_module(_side(configuration)).prepare(configuration, threads)
    return {**prepared.facts, "seconds": repeat(prepared.run, seconds), **memory()}


def _side(configuration: Configuration) -> str:
    if configuration.kind not in ONNX_KINDS:
        return "bench.peers"
    return "bench.gpu" if configuration.provider == "cuda" else "bench.onnx_side"


if __name__ == "__main__":
    fields, count, duration = sys.argv[1:]
    sys.stdout.write(json.dumps(measure(Configuration(**json.loads(fields)), int(count), float(duration))) + "\n")
