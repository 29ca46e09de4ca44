"""The cost of each method for each kind of target beside one forward pass: ``python -m bench.costs``.

It measures the default model and writes the table in docs/guide.md.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from bench import environment
from bench.configurations import REPOSITORY
from bench.report import fill
from onnxcam import Explainer, targets
from onnxcam.methods import METHODS, required_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxcam.methods import Method
    from onnxcam.targets import Target

# A target of each kind: an input of the model; a row of weights; weights that a first run at level 0 gives.
KINDS: dict[str, Target] = {
    "`Class`": 281,
    "`Negative`, `Contrast`, `Element`, `Linear`, `Region(c, mask)`": targets.Contrast(281, 285),
    "`Probability`, `Similarity`, `Detection`, `Region(c)`": targets.Probability(281),
}
ROUNDS, WARM = 30, 3


def main() -> None:
    """Measures, prints the table, and writes it into the guide."""
    threads = os.cpu_count() or 1
    explainer = Explainer(threads=threads)
    image = np.random.default_rng(0).standard_normal((1, *explainer.metadata.image.shape)).astype(np.float32)
    cells: dict[tuple[str, str], Callable[[], object]] = {("", ""): lambda: explainer.run(image, 281, level=0)}
    for method in METHODS:
        for kind, target in KINDS.items():
            cells[method, kind] = _explained(explainer, image, method, target)
    seconds = _medians(cells)
    text = _table(seconds, threads)
    sys.stdout.write(f"{text}\n")
    fill(REPOSITORY / "docs" / "guide.md", "costs", text)


def _explained(explainer: Explainer, image: np.ndarray, method: Method, target: Target) -> Callable[[], object]:
    level = required_level(method)
    return lambda: explainer.run(image, target, level=level).compute(method)


def _medians(cells: dict[tuple[str, str], Callable[[], object]]) -> dict[tuple[str, str], float]:
    """The median seconds of each cell; the cells take turns, so that a busy moment hits all of them."""
    found: dict[tuple[str, str], list[float]] = {cell: [] for cell in cells}
    for turn in range(WARM + ROUNDS):
        for cell, run in cells.items():
            start = time.perf_counter()
            run()
            if turn >= WARM:
                found[cell].append(time.perf_counter() - start)
    return {cell: statistics.median(values) for cell, values in found.items()}


def _table(seconds: dict[tuple[str, str], float], threads: int) -> str:
    machine, forward = environment.machine(), seconds["", ""]
    runtime = machine.get("onnxruntime", machine.get("onnxruntime-gpu"))
    conditions = (
        f"Multiples of one forward pass of the default model ({forward * 1e3:.1f} ms), {machine['processor']}, "
        f"{threads} threads, ONNX Runtime {runtime}, {machine['date']}; medians of {ROUNDS} (`python -m bench.costs`)."
    )
    lines = [
        conditions,
        "",
        f"| method | level | {' | '.join(KINDS)} |",
        f"|---|---:|{'---:|' * len(KINDS)}",
    ]
    for method in METHODS:
        multiples = " | ".join(f"{seconds[method, kind] / forward:.2f}" for kind in KINDS)
        lines.append(f"| `{method}` | {required_level(method)} | {multiples} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
