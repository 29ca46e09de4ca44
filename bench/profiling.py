"""Where the time of a model goes.

ONNX Runtime's profile tells each node's time and shapes. Here the nodes are summed by kind, apart for the forward pass,
for the gradient and for the changes of layout, beside the arithmetic and the bytes that they cannot do without.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime

from bench.onnx_side import model_path, question, session_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.configurations import Configuration

Event = dict[str, Any]
_WARM_UP, _RUNS = 3, 10


def measure(configuration: Configuration, threads: int, _seconds: float) -> dict[str, Any]:
    """The profile of a configuration ``profile:KIND``, for one run."""
    path = model_path(configuration)
    # Weights that ONNX Runtime has packed for its kernels are missing from the shapes; a run without packing has them.
    shapes = {event["name"]: event["args"] for event in _profile(configuration, threads, path, 1, packed=False)}
    events = _profile(configuration, threads, path, _WARM_UP + _RUNS)
    return {"nodes": rows(events, shapes)}


def _profile(configuration: Configuration, threads: int, path: Path, runs: int, *, packed: bool = True) -> list[Event]:
    """ONNX Runtime's own profile of some runs."""
    options = session_options(threads)
    options.enable_profiling = True
    options.add_session_config_entry("session.disable_prepacking", str(int(not packed)))
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        if configuration.provider == "cuda":
            from bench import gpu

            session, _ = gpu.open_session(configuration, path, options)
        else:
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        outputs, feed = question(configuration, session)
        for _ in range(runs):
            session.run(outputs, feed)
        events: list[Event] = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return [e for e in events if e["name"] == "model_run" or e["name"].endswith("_kernel_time")]


def rows(events: Sequence[Event], shapes: Mapping[str, Event]) -> list[dict[str, Any]]:
    """The events of the runs after the warm-up, summed by place and kind, for one run.

    Args:
        events: From ONNX Runtime.
        shapes: The arguments of the same events where no weights are missing.

    Returns:
        The sums, the longest first.
    """
    start = sorted(e["ts"] for e in events if e["name"] == "model_run")[-_RUNS]
    nodes = [e for e in events if e["cat"] == "Node" and e["ts"] >= start]
    sums: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0] * 4)
    for event in nodes:
        if event["args"]["op_name"] == "If":
            continue
        args = shapes.get(event["name"], event["args"])
        where = _where(event["name"])
        total = sums[where, args["op_name"], args.get("provider", "")]
        for i, value in enumerate((1, event["dur"] / 1e6, _flop(args), _bytes(args))):
            total[i] += value / _RUNS
    table = [
        {"where": w, "kind": k, "provider": p, "count": round(n), "seconds": s, "flop": f, "bytes": b}
        for (w, k, p), (n, s, f, b) in sums.items()
    ]
    return sorted(table, key=lambda row: -float(row["seconds"]))


def _where(name: str) -> str:
    """What a node belongs to: ONNX Runtime's own reordering, what the export added, or the model as it was."""
    if name.startswith("Reorder"):
        return "layout"
    return "gradient" if "onnxcam/" in name else "forward"


def _bytes(args: Event) -> float:
    """What a node reads and writes at least once."""
    return float(sum(int(args.get(name, 0)) for name in ("output_size", "activation_size", "parameter_size")))


def _flop(args: Event) -> float:
    """The multiplications and additions of convolutions and matrix products; the others move bytes."""
    inputs, outputs = (_shapes(args, name) for name in ("input_type_shape", "output_type_shape"))
    kind = args["op_name"] if len(inputs) > 1 else ""
    if kind in {"Conv", "FusedConv"}:  # each output element: the weights of its channel
        return 2 * math.prod(outputs[0]) * math.prod(inputs[1][1:])
    if kind == "ConvTranspose":  # each input element: the weights of its channel
        return 2 * math.prod(inputs[0]) * math.prod(inputs[1][1:])
    if kind in {"Gemm", "FusedGemm", "MatMul", "FusedMatMul"}:
        return 2 * math.prod(inputs[0]) * outputs[0][-1]
    return 0


def _shapes(args: Event, name: str) -> list[list[int]]:
    return [shape for each in args.get(name, ()) for shape in each.values()]


def as_table(nodes: Sequence[dict[str, Any]], most: int = 16) -> str:
    """A profile as Markdown."""
    lines = [
        "| where | node kind | nodes | ms | GFLOP | GFLOP/s | MB moved | GB/s |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in nodes[:most]:
        seconds, flop, moved = row["seconds"], row["flop"] / 1e9, row["bytes"] / 1e6
        lines.append(
            f"| {row['where']} | {row['kind']} | {row['count']} | {seconds * 1e3:.2f} | {flop:.2f} | "
            f"{flop / seconds if seconds else 0:.0f} | {moved:.1f} | {moved / 1e3 / seconds if seconds else 0:.1f} |"
        )
    rest = nodes[most:]
    if rest:
        count, seconds = (sum(row[key] for row in rest) for key in ("count", "seconds"))
        lines.append(f"| | {len(rest)} other kinds | {count:.0f} | {seconds * 1e3:.2f} | | | | |")
    return "\n".join(lines)
