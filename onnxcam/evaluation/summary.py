"""Means over images with bootstrap intervals, mean curves, and which method beats which baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from onnxcam.evaluation import metrics
from onnxcam.evaluation.conventions import LOWER_IS_BETTER
from onnxcam.intervals import Interval, interval_of, mean_interval, resampled_means

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cam import Floats
    from onnxcam.evaluation.conventions import Convention, Metric
    from onnxcam.evaluation.records import Record

_OF_ADCC: tuple[Metric, ...] = ("coherency", "complexity", "drop")
# The metrics by which a method is compared with baselines. The others reward maps that say nothing: a uniform map loses
# no probability, and a map that ignores the image is coherent.
COMPARED: tuple[Metric, ...] = ("deletion", "insertion", "road")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A method beside a baseline, on the same images.

    Attributes:
        method: Its name.
        baseline: Its name.
        metric: By which they are compared.
        gain: How much better the method is, with the interval of that difference; negative if it is worse.
    """

    method: str
    baseline: str
    metric: Metric
    gain: Interval

    @property
    def beats(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.gain.low > 0


def summarise(records: Sequence[Record], name: str, convention: Convention) -> dict[Metric, Interval]:
    """The means of a candidate's metrics, with their intervals.

    Args:
        records: Of at least one image.
        name: The method's or the baseline's.
        convention: Whose metrics.

    Returns:
        By metric; those that no image has are missing.
    """
    found: dict[Metric, Interval] = {}
    for metric in convention.metrics:
        if metric == "adcc" and convention.adcc_of_means:
            found[metric] = _adcc_of_means(records, name)
            continue
        values = _values(records, name, (metric,))
        if len(values):
            found[metric] = mean_interval(values[:, 0])
    return found


def compare(
    records: Sequence[Record], methods: Sequence[str], baselines: Sequence[str], convention: Convention
) -> list[Comparison]:
    """Every method beside every baseline, by the metrics of ``COMPARED`` that the convention has.

    Args:
        records: Of at least one image.
        methods: Their names.
        baselines: Their names.
        convention: Whose metrics.
    """
    return [
        Comparison(method, baseline, metric, _gain(records, method, baseline, metric))
        for method in methods
        for metric in COMPARED
        if metric in convention.metrics
        for baseline in baselines
    ]


def mean_curve(records: Sequence[Record], name: str, curve: Literal["deletion", "insertion"]) -> list[float]:
    """The mean probability after each step; none if the convention has no such curve."""
    curves = [getattr(record.maps[name], curve) for record in records]
    return np.mean(curves, axis=0).tolist() if curves and curves[0] else []


def _values(records: Sequence[Record], name: str, wanted: Sequence[Metric]) -> Floats:
    """[n, k]: the metrics of the images that have them."""
    rows = [record.maps[name].metrics for record in records]
    complete = [[row[metric] for metric in wanted] for row in rows if all(metric in row for metric in wanted)]
    return np.array(complete, np.float64).reshape(len(complete), len(wanted))


def _adcc_of_means(records: Sequence[Record], name: str) -> Interval:
    values = _values(records, name, _OF_ADCC)
    return interval_of(float(metrics.adcc(*values.mean(axis=0))), metrics.adcc(*resampled_means(values).T))


def _gain(records: Sequence[Record], method: str, baseline: str, metric: Metric) -> Interval:
    difference = _values(records, method, (metric,)) - _values(records, baseline, (metric,))
    better = -difference if metric in LOWER_IS_BETTER else difference
    return mean_interval(better[:, 0])
