"""Opens and runs one form in this process, and prints what came of it as a line of JSON.

A runtime's module ends with ``main(version, opened)``, and is run with the model, the folder of cases and the levels as
its last arguments. It needs nothing but NumPy beside the runtime.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Run = Callable[[Mapping[str, Array]], dict[str, Array]]
"""Runs a model with those of the given inputs that it has; gives its outputs by name."""

_MOST_RUNS, _MOST_SECONDS = 20, 2.0


def main(version: str, opened: Callable[[str], Run]) -> None:
    """Opens the model, runs each level, and prints errors and times.

    Args:
        version: The runtime's version.
        opened: Opens the model at a path.
    """
    model, folder, levels = sys.argv[-3:]
    found: dict[str, Any] = {"version": version, "levels": {}}
    try:
        run = opened(model)
        for level in levels.split(";"):
            found["levels"][level] = level_of(run, Path(folder), level)
    except Exception as error:  # noqa: BLE001  the answer to what a runtime makes of a model is any exception
        found["error"] = f"{type(error).__name__}: {error}"
    sys.stdout.write(f"\n{json.dumps(found)}\n")
    sys.stdout.flush()


def level_of(run: Run, folder: Path, level: str) -> dict[str, Any]:
    """The error and the time of a level; only the time of the plain model.

    Raises:
        Exception: Whatever the runtime raises.
    """
    feeds, expected = case(folder, level)
    outputs = run(feeds)
    error = max((relative(outputs.get(name), values) for name, values in expected.items()), default=0.0)
    return {"error": error if np.isfinite(error) else None, "seconds": seconds(lambda: run(feeds))}


def case(folder: Path, level: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """The inputs of a level, and the outputs that it must give."""
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))[level]

    def read(entry: dict[str, Any]) -> Array:
        return np.fromfile(folder / entry["file"], entry["type"]).reshape(entry["shape"])

    feeds, expected = ({name: read(entry) for name, entry in index[key].items()} for key in ("feeds", "expected"))
    return feeds, expected


def relative(values: Array | None, expected: Array) -> float:
    """The relative L2 error; infinite where an output is missing, has another shape, or has other whole numbers."""
    if values is None or values.shape != expected.shape:
        return float("inf")
    if expected.dtype.kind == "i":
        return 0.0 if np.array_equal(values, expected) else float("inf")
    difference = np.asarray(values, np.float64) - expected
    return float(np.linalg.norm(difference) / np.linalg.norm(np.asarray(expected, np.float64)))


def seconds(run: Callable[[], object]) -> float:
    """The least processor time of a run."""
    least, end = float("inf"), time.process_time() + _MOST_SECONDS
    for _ in range(_MOST_RUNS):
        start = time.process_time()
        run()
        least = min(least, time.process_time() - start)
        if time.process_time() > end:
            break
    return least
