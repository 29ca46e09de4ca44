"""How cost grows with batch, image size and number of targets: docs/growth.svg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.configurations import GROWTH, SIZES, Configuration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.results import Results

Series = dict[str, list[tuple[float, float]]]
_KINDS = {"plain": "plain model", "level1": "level 1", "level2": "level 2"}
BATCHES, TARGETS = (1, 2, 4, 8, 16, 32), (1, 2, 5, 10, 20)


def growth(results: Results) -> dict[str, Series]:
    """The points of the three plots, where they were measured."""
    by_batch = {name: [(n, Configuration(k, batch=n), n) for n in BATCHES] for k, name in _KINDS.items()}
    by_size = {name: [(s, Configuration(k, size=s), 1) for s in SIZES] for k, name in _KINDS.items()}
    together = [(t, Configuration("level2", targets=t), 1) for t in TARGETS]
    apart = [(t, Configuration("level2"), 1 / t) for t in TARGETS]
    return {
        "images in a batch; ms per image": _points(results, by_batch),
        "side of the image in pixels; ms": _points(results, by_size),
        "targets of one image; ms": _points(results, {"one run": together, "a run for each": apart}),
    }


def _points(results: Results, series: Mapping[str, Sequence[tuple[int, Configuration, float]]]) -> Series:
    return {
        name: [(x, 1e3 * seconds / divisor) for x, c, divisor in wanted if (seconds := results.seconds(c)) is not None]
        for name, wanted in series.items()
    }


def draw(plots: dict[str, Series], path: Path) -> None:
    """Draws the three plots side by side."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "onnxcam", "svg.fonttype": "none", "font.size": 9})
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(plots), figsize=(11, 3.4), layout="constrained")
    for axis, (title, series) in zip(axes, plots.items(), strict=True):
        label, _, unit = title.partition("; ")
        for name, points in series.items():
            axis.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
        axis.set(xlabel=label, ylabel=f"{unit} ({GROWTH})", ylim=(0, None))
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def is_complete(plots: dict[str, Series]) -> bool:
    """Whether there is something to draw in each."""
    series: Sequence[list[tuple[float, float]]] = [points for plot in plots.values() for points in plot.values()]
    return all(series)
