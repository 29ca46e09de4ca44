"""The printed results of ``onnxcam evaluate``: tables of means with their intervals, or JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from onnxcam.cli.table import table
from onnxcam.evaluation.conventions import LOWER_IS_BETTER
from onnxcam.evaluation.summary import compare, mean_curve, summarise
from onnxcam.intervals import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.evaluation.candidates import Candidate
    from onnxcam.evaluation.conventions import Convention, Metric
    from onnxcam.evaluation.records import Record
    from onnxcam.evaluation.summary import Comparison
    from onnxcam.intervals import Interval

_TABLES: tuple[tuple[str, tuple[Metric, ...]], ...] = (
    ("Faithfulness", ("deletion", "insertion", "road")),
    ("The image times the map", ("drop", "increase", "coherency", "complexity", "adcc")),
    ("Localisation", ("pointing", "energy")),
)


def as_text(records: Sequence[Record], candidates: Sequence[Candidate], convention: Convention) -> str:
    """A table for each kind of metrics, how each is computed, and the baselines that were not beaten."""
    summaries = {one.name: summarise(records, one.name, convention) for one in candidates}
    known = summaries[candidates[0].name]
    blocks = [_heading(records, convention)]
    for title, metrics in _TABLES:
        columns = [metric for metric in metrics if metric in known]
        if columns:
            blocks.append(_table(title, columns, summaries, convention))
    if len(records) < 2:
        return "\n\n".join([*blocks, "One image says nothing about others; evaluate more of them."])
    return "\n\n".join([*blocks, _not_beaten(_comparisons(records, candidates, convention))]).rstrip()


def as_record(records: Sequence[Record], candidates: Sequence[Candidate], convention: Convention) -> dict[str, Any]:
    """The same for JSON, with the mean curves and all comparisons."""
    return {
        "images": len(records),
        "convention": {**asdict(convention), "in_words": {m: convention.in_words(m) for m in convention.metrics}},
        "interval": LEVEL,
        "maps": {
            one.name: {
                "is_baseline": one.is_baseline,
                "metrics": {
                    metric: asdict(interval) for metric, interval in summarise(records, one.name, convention).items()
                },
                "deletion_curve": mean_curve(records, one.name, "deletion"),
                "insertion_curve": mean_curve(records, one.name, "insertion"),
            }
            for one in candidates
        },
        "comparisons": [
            {**asdict(comparison), "beats": comparison.beats}
            for comparison in _comparisons(records, candidates, convention)
        ],
    }


def _heading(records: Sequence[Record], convention: Convention) -> str:
    images = f"{len(records)} image{'s' if len(records) > 1 else ''}"
    return f"{images}; convention {convention.name}: {convention.source}\nmeans, with {LEVEL:.0%} bootstrap intervals"


def _table(
    title: str, metrics: Sequence[Metric], summaries: dict[str, dict[Metric, Interval]], convention: Convention
) -> str:
    header = ["", *(f"{metric} {'v' if metric in LOWER_IS_BETTER else '^'}" for metric in metrics)]
    rows = [[name, *(_cell(summary[metric]) for metric in metrics)] for name, summary in summaries.items()]
    words = [f"  {metric}: {convention.in_words(metric)}" for metric in metrics]
    return "\n".join([f"{title} (^ more is better, v less)", table(header, rows), *words])


def _cell(interval: Interval) -> str:
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _comparisons(
    records: Sequence[Record], candidates: Sequence[Candidate], convention: Convention
) -> list[Comparison]:
    methods, baselines = ([one.name for one in candidates if one.is_baseline is kind] for kind in (False, True))
    return compare(records, methods, baselines, convention)


def _not_beaten(comparisons: Sequence[Comparison]) -> str:
    """A line for each method that does not beat every baseline, with those that it does not beat."""
    lines = []
    for method in dict.fromkeys(comparison.method for comparison in comparisons):
        lost = [one for one in comparisons if one.method == method and not one.beats]
        if lost:
            by_metric = {
                metric: ", ".join(one.baseline for one in lost if one.metric == metric)
                for metric in dict.fromkeys(one.metric for one in lost)
            }
            lines.append(f"  {method}: {'; '.join(f'{names} in {metric}' for metric, names in by_metric.items())}")
    if not comparisons:
        return ""
    if not lines:
        return "Every method beats every baseline in every one of these metrics."
    return "\n".join(["Baselines that a method does not beat (the interval of the difference reaches 0):", *lines])
