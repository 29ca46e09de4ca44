"""Writes the tables between the markers of docs/performance.md and the README."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.configurations import BATCHES, DEFAULT_MODEL, NETWORKS, SEVERAL, Configuration
from bench.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Cell = Callable[[Results, str], str]  # of a network
Row = tuple[str, Cell]
_FAILED = "failed"


def write(path: Path, performance: Path, readme: Path) -> None:
    """Prints the table of a results file, and writes it into the documents if every network is measured in full."""
    results = Results(path)
    on_gpu = "\n\n".join(_gpu(results))
    sys.stdout.write(f"{_document(results)}\n\n{on_gpu}".strip() + "\n")
    missing = [n for n in NETWORKS if {cell(results, n) for _, cell in README_ROWS} & {"", _FAILED}]
    if missing:
        sys.stderr.write(f"The documents stay as they are: {', '.join(missing)} not measured in full\n")
    else:
        fill(readme, "bench", f"{_conditions(results)}\n\n{_table(results, README_ROWS)}")
        fill(performance, "bench", _document(results))
    if on_gpu:
        fill(performance, "bench-gpu", on_gpu)


def fill(document: Path, name: str, text: str) -> None:
    """Writes a text between the lines ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->`` of a document.

    Raises:
        ValueError: The document has no such lines.
    """
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
    before, found, rest = document.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{document} has no lines {begin.strip()} and {end} for the table; put them back")
    document.write_text(f"{before}{begin}{text}\n{end}{after}", encoding="utf-8")


def _document(results: Results) -> str:
    return "\n\n".join((_conditions(results), _table(results, ROWS), *_start_up(results), *_failures(results)))


def _conditions(results: Results) -> str:
    m, threads, rounds = results.machine, results.threads, results.rounds
    runtime = {"onnxruntime-gpu": "ONNX Runtime", "onnxruntime": "ONNX Runtime"}
    names = {**runtime, "torch": "PyTorch", "captum": "captum", "grad-cam": "pytorch-grad-cam"}
    versions = ", ".join(f"{name} {m[distribution]}" for distribution, name in names.items() if distribution in m)
    return (
        f"Measured on {m['date']}: {m['processor']}, {m['cores']} cores, {threads} thread{'s' * (threads > 1)}; "
        f"{versions}; batch 1 at 224² in float32 where nothing else is said. Each configuration ran in its own "
        f"process, in turns, in up to {rounds} round{'s' * (rounds > 1)}; times are the least of the rounds' medians, "
        "all else is a median."
    )


def _multiple(results: Results, configuration: Configuration, digits: int) -> str:
    """The time of a run, as a multiple of the plain model's and in milliseconds."""
    seconds = results.seconds(configuration)
    plain = results.seconds(dataclasses.replace(configuration, kind="plain", targets=1))
    if seconds is None or plain is None:
        return _FAILED if configuration in results.errors else ""
    return f"{seconds / plain:.2f} ({seconds * 1e3:.{digits}f} ms)"


def _time(kind: str, targets: int = 1) -> Cell:
    return lambda results, network: _multiple(results, Configuration(kind, network, targets=targets), 1)


def _batch(size: int, results: Results, network: str) -> str:
    """The time of an image in a batch, as a multiple of that of a batch of one: forward pass, level 1, level 2."""
    kinds = ("plain", "level1", "level2")
    ones = [results.seconds(Configuration(kind, network)) for kind in kinds]
    several = [results.seconds(Configuration(kind, network, batch=size)) for kind in kinds]
    multiples = [f"{b / a / size:.2f}" for a, b in zip(ones, several, strict=True) if a is not None and b is not None]
    return " / ".join(multiples) if len(multiples) == len(kinds) else ""


def _cost(kind: str, key: str, unit: str = "MiB", scale: float = 1) -> Cell:
    """Another figure, as a multiple of the plain model's and by itself."""

    def cell(results: Results, network: str) -> str:
        value, plain = (results.number(Configuration(k, network), key) for k in (kind, "plain"))
        return "" if value is None or plain is None else f"{value / plain:.2f} ({value / scale:.0f} {unit})"

    return cell


def _above_bare(kind: str) -> Cell:
    """The model's share of a process with an ``Explainer``, as a multiple of the plain model's share, and by itself."""

    def cell(results: Results, network: str) -> str:
        kinds = (f"memory:{k}" for k in (kind, "plain", "bare"))
        value, plain, bare = (results.number(Configuration(k, network), "resident") for k in kinds)
        if value is None or plain is None or bare is None:
            return ""
        return f"{(value - bare) / (plain - bare):.2f} ({value - bare:.0f} MiB)"

    return cell


def _loading_fixed(level: int, results: Results, network: str) -> str:
    kinds = (f"memory:fixed{level}", "memory:plain")
    value, plain = (results.number(Configuration(k, network), "creation") for k in kinds)
    return "" if value is None or plain is None else f"{value / plain:.2f} ({value * 1e3:.0f} ms)"


README_ROWS: tuple[Row, ...] = (
    ("plain model, forward only", _time("plain")),
    *((f"level {level}", _time(f"level{level}")) for level in range(3)),
    ("captum `GuidedGradCam`", _time("captum-guided-grad-cam")),
    ("pytorch-grad-cam `GradCAM`", _time("grad-cam")),
    ("PyTorch, one forward and one backward", _time("autograd")),
)
ROWS: tuple[Row, ...] = (
    *README_ROWS[:4],
    ("`--flat` (everything)", _time("flat")),
    (f"level 2, {SEVERAL} classes of one image", _time("level2", targets=SEVERAL)),
    README_ROWS[4],
    ("captum `LayerGradCam`", _time("captum-grad-cam")),
    *README_ROWS[5:],
    *((f"an image in a batch of {n}: forward / level 1 / level 2", functools.partial(_batch, n)) for n in BATCHES),
    ("loading", _cost("level2", "creation", "ms", 1e-3)),
    ("file", _cost("level2", "bytes", "MiB", 2**20)),
    *((f"loading, `Explainer(level={level})`", functools.partial(_loading_fixed, level)) for level in range(3)),
    ("the plain model's own memory", _above_bare("plain")),
    *((f"its memory with `Explainer(level={level})`", _above_bare(f"fixed{level}")) for level in range(3)),
    *((f"its memory with `Explainer()` at level {level}", _above_bare(f"level{level}")) for level in (0, 2)),
    *((f"memory after level {level}, plain session", _cost(f"level{level}", "resident")) for level in (0, 2)),
    ("peak memory at level 2, plain session", _cost("level2", "peak")),
)


def _table(results: Results, rows: Sequence[Row]) -> str:
    measured = {c.network for c in results.configurations if c.kind == "plain" and c.provider == "cpu"}
    networks = sorted(measured, key=lambda n: (*NETWORKS, n).index(n))
    lines = [(name, *(cell(results, n) for n in networks)) for name, cell in rows]
    return _lines(("", *networks), [line for line in lines if any(line[1:])])


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = "|".join(["---", *["---:"] * (len(head) - 1)])
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)])


def _start_up(results: Results) -> Iterable[str]:
    names = {"onnxcam": "`onnxcam explain` to the drawing", "captum": "captum `GuidedGradCam`, not drawn"}
    figures = []
    for kind, name in {**names, "plain": "the plain model's scores"}.items():
        configuration = Configuration(f"start:{kind}", DEFAULT_MODEL)
        seconds, peak = results.seconds(configuration), results.number(configuration, "peak")
        if seconds is not None:
            figures.append(f"{name} {seconds:.2f} s, {peak:.0f} MiB")
    if figures:
        yield (
            "Time and peak memory from the start of a process, with one photograph and "
            f"{DEFAULT_MODEL}: {'; '.join(figures)}."
        )


def _failures(results: Results) -> Iterable[str]:
    for configuration, error in results.errors.items():
        yield f"Failed: {configuration}: `{error}`."


def _gpu(results: Results) -> Iterable[str]:
    """The table of CUDA."""
    rows = [(str(c), _multiple(results, c, 2)) for c in results.configurations if c.provider == "cuda"]
    if rows:
        yield _conditions(results)
        yield _lines(("", "in multiples of the plain model's forward pass"), [row for row in rows if row[1]])
        yield from _failures(results)
