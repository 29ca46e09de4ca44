"""Images a second of ``onnxcam.batch`` on this machine: ``.venv-batch/bin/python -m bench.cluster``.

Each level runs in the same pipeline: tasks read the photographs, workers decode and run them and make the rows. Level 0
is the plain model: at a fixed level 0, ONNX Runtime folds the file to the original graph. The clock starts when every
worker has given rows, so that starting Ray and loading models do not count.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

PHOTOGRAPHS = sorted((Path(__file__).parents[1] / "tests" / "data").glob("*.jpg"))


def rate(level: int, workers: int, images: int) -> float:
    """Images a second of one job, once it is under way."""
    import ray.data

    from onnxcam.batch import explain

    paths = [str(PHOTOGRAPHS[number % len(PHOTOGRAPHS)]) for number in range(images)]
    dataset = ray.data.from_items([{"path": path} for path in paths], override_num_blocks=max(1, images // 64))
    rows = explain(dataset, level=level, workers=workers)  # type: ignore[arg-type]
    ends = [(time.perf_counter(), bundle.num_rows() or 0) for bundle in rows.iter_internal_ref_bundles()]
    first = ends[workers * 2 - 1][0]  # each worker has finished a block or two
    return sum(count for _, count in ends[workers * 2 :]) / (ends[-1][0] - first)


def main() -> None:
    """Prints a table of images a second, and the share of the plain model's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    import ray
    from ray.data import DataContext

    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="error")
    DataContext.get_current().enable_progress_bars = False
    found: dict[tuple[int, int], list[float]] = {}
    for _ in range(options.rounds):
        for workers in options.workers:
            for level in (0, 1, 2):
                found.setdefault((workers, level), []).append(rate(level, workers, options.images))
    lines = ["| workers | level 0, the plain model | level 1 | level 2 |", "|---:|---:|---:|---:|"]
    for workers in options.workers:
        medians: list[Any] = [statistics.median(found[workers, level]) for level in (0, 1, 2)]
        cells = [f"{value:.0f} ({value / medians[0]:.2f})" for value in medians]
        lines.append(f"| {workers} | {' | '.join(cells)} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
