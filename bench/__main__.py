"""Runs the configurations in turn and keeps the results: ``python -m bench [--models …] [--only …] [--rounds N] …``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

from bench import configurations, environment, report
from bench.configurations import CACHE, GROUPS, NETWORKS, REPOSITORY, Configuration
from bench.exports import export_path

Turn = tuple[Configuration, int]
RESULTS = CACHE / "results.jsonl"


def main() -> None:
    """Measures the configurations that have no result yet, and reports all results."""
    arguments = _arguments()
    CACHE.mkdir(parents=True, exist_ok=True)
    code = environment.fingerprint("onnxcam", "export/onnxcam_export")
    done = _done(code)
    turns = [turn for turn in _turns(arguments) if turn not in done]
    if turns:
        _append({"machine": environment.machine(), "threads": arguments.threads})
    for number, (configuration, turn) in enumerate(turns, 1):
        sys.stderr.write(f"[{number}/{len(turns)}] round {turn + 1} {configuration} … ")
        sys.stderr.flush()
        start = time.perf_counter()
        figures = _measure(configuration, arguments.threads, arguments.seconds)
        _append({"code": code, "configuration": json.loads(configuration.to_json()), "round": turn, **figures})
        taken = f"{time.perf_counter() - start:.1f} s"
        sys.stderr.write(f"failed: {figures['error']}\n" if "error" in figures else f"{taken}\n")
    if not RESULTS.exists():
        sys.exit(f"{RESULTS} does not exist; give --rounds 1 or more to measure")
    report.write(RESULTS, REPOSITORY / "docs" / "performance.md", REPOSITORY / "README.md")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Results are kept in bench-results/ or $BENCH_CACHE.")
    parser.add_argument("--models", nargs="+", default=list(NETWORKS), metavar="MODEL", help=", ".join(NETWORKS))
    parser.add_argument("--only", nargs="+", default=list(GROUPS), choices=GROUPS, help="parts of the benchmark")
    parser.add_argument("--rounds", type=int, default=5, help="0 only reports existing results")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long a configuration is repeated in a round")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--provider", choices=("cpu", "cuda"), default="cpu")
    return parser.parse_args()


def _turns(arguments: argparse.Namespace) -> list[Turn]:
    """Each configuration in each round; those of a set take turns."""
    if arguments.provider == "cuda":
        from bench import gpu

        sets = gpu.plan(arguments.models)
    else:
        sets = configurations.plan(arguments.models, arguments.only)
    return [(c, turn) for together in sets for turn in range(arguments.rounds) for c in together]


def _done(code: str) -> set[Turn]:
    """The turns that were measured without error, in this state of the code."""
    lines = map(json.loads, RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else ())
    measured = (line for line in lines if line.get("code") == code and "error" not in line)
    return {(Configuration(**line["configuration"]), line["round"]) for line in measured}


def _measure(configuration: Configuration, threads: int, seconds: float) -> dict[str, Any]:
    """Measures in a new process, after another process has made the export."""
    if configuration.export and not export_path(configuration).exists():
        made = _run("bench.exports", configuration.to_json())
        if "error" in made:
            return made
    return _run("bench.worker", configuration.to_json(), str(threads), str(seconds))


def _run(module: str, *arguments: str) -> dict[str, Any]:
    """The JSON on a module's last line of output, or the last line of its error."""
    command = [sys.executable, "-m", module, *arguments]
    finished = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if finished.returncode:
        error = finished.stderr.strip().rpartition("\n")[2].strip()
        return {"error": error or f"ended with {finished.returncode}"}
    last = finished.stdout.strip().rpartition("\n")[2]
    return dict(json.loads(last)) if last.startswith("{") else {}


def _append(line: dict[str, Any]) -> None:
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
