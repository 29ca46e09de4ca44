"""Writes docs/benchmarks.md and the table between the markers in the README."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from bench import plots
from bench.configurations import GROWTH, NETWORKS, Configuration
from bench.profiling import as_table
from bench.results import Results, ratio
from bench.targets import TARGETS, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_NAMES = {
    "plain": "plain model, forward only",
    "level0": "level 0",
    "level1": "level 1",
    "level2": "level 2",
    "flat": "`--flat` (everything)",
    "captum-guided-grad-cam": "captum `GuidedGradCam`",
    "captum-grad-cam": "captum `LayerGradCam`",
    "grad-cam": "pytorch-grad-cam `GradCAM`",
    "grad-cam-guided": "pytorch-grad-cam guided product",
    "autograd": "PyTorch, one forward and one backward",
    "autograd-compiled": "the same under `torch.compile`",
    "onnx-ad": "onnx-ad's reverse graph (plain gradient)",
}
_NO_GPU = "Not run on a GPU yet: `make bench BENCH='--provider cuda'` runs the same table there (docs/gpu.md)."
_UNGUIDED = (
    "captum and pytorch-grad-cam guide `nn.ReLU` modules only: in the networks with ReLU6 (mobilenet_v2, "
    "efficientnet_lite0) or functional calls (densenet121) they compute less than level 2 does."
)


def write(results: Path, docs: Path, readme: Path) -> None:
    """Writes both from a results file; the README only where it has the markers."""
    found = Results(results)
    docs.mkdir(exist_ok=True)
    growth = plots.growth(found)
    if plots.is_complete(growth):
        plots.draw(growth, docs / "growth.svg")
    (docs / "benchmarks.md").write_text("\n\n".join(_document(found, growth)) + "\n", encoding="utf-8")
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    before, marker, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not marker or not end:
        sys.stderr.write(f"{readme} has no lines {BEGIN} and {END} for the table\n")
        return
    table = "\n\n".join((_conditions(found), _kinds(found, _CHOSEN), _targets(found), _NO_GPU))
    readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


_CHOSEN = ("plain", "level0", "level1", "level2", "captum-guided-grad-cam", "grad-cam", "autograd")


def _document(results: Results, growth: dict[str, plots.Series]) -> Iterable[str]:
    yield "# Benchmarks"
    yield "`make bench` measured this and wrote it; nothing here was typed. " + _conditions(results)
    yield "\n".join(_table(("", ""), results.machine.items()))
    yield "## Targets"
    yield _targets(results)
    yield "## Time of a run, in multiples of the plain model's"
    yield _kinds(results, list(_NAMES)) + "\n\n" + _UNGUIDED
    yield _compilation(results)
    yield from _errors(results)
    yield "## Session, memory, size, in multiples of the plain model's"
    yield _costs(results)
    yield "## Batches: time of an image, in multiples of a batch of one"
    yield _batches(results)
    yield "## From the start of the process"
    yield _start(results)
    yield "## In a service"
    yield f"One `Explainer` ({GROWTH}, 224²) shared by threads, against one plain session shared alike."
    yield _service(results)
    yield "## Pictures"
    yield _pictures(results)
    yield "## How cost grows"
    if plots.is_complete(growth):
        yield "![time by batch, image size and number of targets](growth.svg)"
    yield from _growth(growth)
    yield "## Where the time goes, for the targets that are not reached"
    yield from _profiles(results)
    yield "## GPU"
    yield from _gpu(results)


def _conditions(results: Results) -> str:
    m = results.machine
    runtime = m.get("onnxruntime-gpu") or m.get("onnxruntime")
    return (
        f"{m['processor']}, {m['cores']} cores, {results.threads} threads; ONNX Runtime {runtime}, PyTorch "
        f"{m.get('torch')}, captum {m.get('captum')}, pytorch-grad-cam {m.get('grad-cam')}; batch 1 at 224² in float32 "
        f"where nothing else is said. Each configuration ran in its own process, in turns, in up to {results.rounds} "
        "rounds; times are the least of the rounds' medians, all else is a median."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    line = "|".join(["---", *["---:"] * (len(head) - 1)])
    return [f"| {' | '.join(head)} |", f"|{line}|", *(f"| {' | '.join(row)} |" for row in rows)]


def _targets(results: Results) -> str:
    rows = [(t.what, _limit(t), _figures(t, results), _reached(t, results)) for t in TARGETS]
    return "\n".join(_table(("what", "target", "measured", "reached"), rows))


def _limit(target: Target) -> str:
    return f"{'≥' if target.at_least else '≤'} {target.limit:g}{_unit(target)}"


def _unit(target: Target) -> str:
    return " ×" if target.unit == "×" else target.unit


def _figures(target: Target, results: Results) -> str:
    figures = target.figures(results)
    if not figures:
        return "not measured"
    return ", ".join(f"{network} {value:.2f}" for network, value in figures.items())


def _reached(target: Target, results: Results) -> str:
    if not target.figures(results):
        return "?"
    missed = target.missed(results)
    if not missed:
        return "yes" if len(target.figures(results)) == len(target.networks) else "yes, as far as measured"
    return "**no**" if len(missed) == len(target.networks) else f"**not {', '.join(missed)}**"


def _kinds(results: Results, kinds: Sequence[str]) -> str:
    networks = _measured(results)
    rows = [(_NAMES[kind], *(_cell(results, Configuration(kind, n)) for n in networks)) for kind in kinds]
    return "\n".join(_table(("", *networks), rows))


def _measured(results: Results) -> list[str]:
    known = {c.network: None for c in results.configurations if c.kind == "plain" and c.provider == "cpu"}
    return [*(n for n in NETWORKS if n in known), *(n for n in known if n not in NETWORKS)]


def _cell(results: Results, configuration: Configuration) -> str:
    seconds = results.seconds(configuration)
    times = ratio(seconds, results.seconds(Configuration("plain", configuration.network)))
    if seconds is None:
        return "failed" if configuration in results.errors else ""
    return f"{seconds * 1e3:.1f} ms" if times is None else f"{times:.2f} ({seconds * 1e3:.1f} ms)"


def _compilation(results: Results) -> str:
    seconds = {n: results.number(Configuration("autograd-compiled", n), "compilation") for n in _measured(results)}
    listed = ", ".join(f"{network} {value:.0f} s" for network, value in seconds.items() if value is not None)
    return f"`torch.compile` took, before its first answer: {listed or 'not measured'}."


def _errors(results: Results) -> Iterable[str]:
    for configuration, error in results.errors.items():
        yield f"Failed: {_NAMES.get(configuration.kind, configuration.kind)} with {configuration.network}: `{error}`."


def _costs(results: Results) -> str:
    def times(network: str, kind: str, key: str) -> str:
        value, base = (results.number(Configuration(k, network), key) for k in (kind, "plain"))
        scale = {"creation": 1e-3, "bytes": 2**20}.get(key, 1)
        unit = "ms" if key == "creation" else "MiB"
        return "" if value is None or base is None else f"{value / base:.2f} ({value / scale:.0f} {unit})"

    def maps(network: str, kind: str) -> str:
        value = results.number(Configuration(kind, network), "maps")
        return "" if value is None else f"{value * 1e3:.2f} ms"

    rows = [
        (
            network,
            *(times(network, "level2", key) for key in ("creation", "bytes", "resident", "peak")),
            times(network, "level0", "resident"),
            *(maps(network, kind) for kind in ("level1", "level2")),
        )
        for network in _measured(results)
    ]
    head = ("", "session", "file", "resident, level 2", "peak, level 2", "resident, level 0")
    return "\n".join(_table((*head, "Grad-CAM of an answer", "Guided Grad-CAM of an answer"), rows))


def _batches(results: Results) -> str:
    def cell(network: str, kind: str, batch: int) -> str:
        one = results.seconds(Configuration(kind, network))
        value = ratio(results.seconds(Configuration(kind, network, batch=batch)), one)
        return "" if value is None else f"{value / batch:.2f}"

    columns = [(kind, batch) for batch in (8, 32) for kind in ("plain", "level1", "level2")]
    rows = [(network, *(cell(network, *column) for column in columns)) for network in _measured(results)]
    return "\n".join(_table(("", *(f"{_NAMES[k].partition(',')[0]}, {b}" for k, b in columns)), rows))


def _start(results: Results) -> str:
    rows = []
    names = {
        "onnxcam": "`onnxcam explain` to the drawing",
        "captum": "captum `GuidedGradCam`, not drawn",
        "plain": "plain model, forward only",
    }
    for kind, name in names.items():
        configuration = Configuration(f"start:{kind}", "efficientnet_lite0")
        seconds, peak = results.seconds(configuration), results.number(configuration, "peak")
        if seconds is not None and peak is not None:
            rows.append((name, f"{seconds:.2f} s", f"{peak:.0f} MiB", _installed(results, kind)))
    return "\n".join(_table(("EfficientNet-Lite0, one photograph", "process", "peak memory", "installed"), rows))


def _installed(results: Results, kind: str) -> str:
    sizes = (results.entry(Configuration("install", "efficientnet_lite0"), "installed") or {}).get(kind)
    if not sizes:
        return ""
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:3]
    return f"{sum(sizes.values()):.0f} MiB ({', '.join(f'{name} {size:.0f}' for name, size in largest)})"


def _service(results: Results) -> str:
    rows = [
        (
            f"{_NAMES[c.kind]}, {c.clients}",
            f"{results.number(c, 'per_second'):.1f}",
            *(f"{1e3 * (results.seconds(c, statistic) or 0):.0f} ms" for statistic in ("median", "p99")),
        )
        for c in sorted(results.configurations, key=lambda c: (c.kind != "plain", c.kind, c.clients))
        if c.clients
    ]
    return "\n".join(_table(("threads that ask", "requests a second", "p50", "p99"), rows))


def _pictures(results: Results) -> str:
    parts = ("reading", "run", "maps", "whole", "drawing")
    names = {"small": "451 x 300", "large": "4000 x 3000"}
    rows = [
        (names[kind], *(f"{1e3 * (results.part(configuration, part) or 0):.1f} ms" for part in parts))
        for kind in names
        if (configuration := Configuration(f"picture:{kind}")) in results
    ]
    head = ("JPEG", "reading and preparing", "run at level 2", "maps", "all of these in one call", "drawing, apart")
    return "\n".join(_table(head, rows))


def _growth(growth: dict[str, plots.Series]) -> Iterable[str]:
    for title, series in growth.items():
        label, _, unit = title.partition("; ")
        rows = [(f"{name}, {unit}", *(f"{y:.1f}" for _, y in points)) for name, points in series.items() if points]
        if rows:
            columns = max((points for points in series.values()), key=len)
            yield "\n".join(_table((label, *(f"{x:g}" for x, _ in columns)), rows))


def _profiles(results: Results) -> Iterable[str]:
    wanted = dict.fromkeys((n, t.profile) for t in TARGETS if t.profile for n in t.missed(results))
    for network, kind in wanted:
        nodes = results.entry(Configuration(f"profile:{kind}", network), "nodes")
        yield f"### {network}, {_NAMES[kind]}"
        yield as_table(nodes) if nodes else "No profile was taken: `make bench BENCH='--only profile'`."


def _gpu(results: Results) -> Iterable[str]:
    cuda = [c for c in results.configurations if c.provider == "cuda"]
    if not cuda:
        yield _NO_GPU
    rows = []
    for c in cuda:
        seconds, base = results.seconds(c), results.seconds(dataclasses.replace(c, kind="plain"))
        nodes = results.entry(c, "nodes")
        if nodes:
            fallen = [f"{n['kind']} ({n['where']})" for n in nodes if n["provider"] == "CPUExecutionProvider"]
            yield f"Nodes on the CPU, {c.network}, {c.precision}: {', '.join(fallen) or 'none'}."
        elif seconds is not None:
            times = ratio(seconds, base)
            name = f"{c.network}, {c.precision}, batch {c.batch}, {_NAMES.get(c.kind, c.kind)}"
            rows.append((name, f"{seconds * 1e3:.2f} ms", "" if times is None else f"{times:.2f}"))
    if rows:
        yield "\n".join(_table(("", "time", "of the plain model's"), rows))
