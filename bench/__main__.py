"""Takes turns and keeps the results: ``python -m bench [--models …] [--only …] [--rounds N] …``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import configurations, environment, report
from bench.configurations import CACHE, GROUPS, NETWORKS, REPOSITORY, Configuration
from bench.exports import export_path

Turn = tuple[Configuration, int]


def main() -> None:
    """Measures what is missing among the results, and reports all of them."""
    arguments = _arguments()
    results: Path = arguments.results
    results.parent.mkdir(parents=True, exist_ok=True)
    code = environment.fingerprint("onnxcam", "export/onnxcam_export")
    done = _done(results, code)
    turns = [turn for turn in _turns(arguments) if turn not in done]
    if turns:
        _append(results, {"machine": environment.machine(), "threads": arguments.threads})
    for number, (configuration, turn) in enumerate(turns, 1):
        sys.stderr.write(f"[{number}/{len(turns)}] round {turn + 1} {configuration} … ")
        sys.stderr.flush()
        start = time.perf_counter()
        figures = _measure(configuration, arguments.threads, arguments.seconds)
        line = {"code": code, "configuration": json.loads(configuration.to_json()), "round": turn}
        _append(results, line | figures)
        taken = f"{time.perf_counter() - start:.1f} s"
        sys.stderr.write(f"failed: {figures['error']}\n" if "error" in figures else f"{taken}\n")
    if not results.exists():
        sys.exit(f"{results} does not exist; give --rounds 1 or more to measure")
    report.write(results, arguments.performance, arguments.readme)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(NETWORKS), metavar="MODEL", help=", ".join(NETWORKS))
    parser.add_argument("--only", nargs="+", default=list(GROUPS), choices=GROUPS, help="parts of the benchmark")
    parser.add_argument("--rounds", type=int, default=5, help="0 reports what there is")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long a configuration is repeated in a round")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--provider", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--results", type=Path, default=CACHE / "results.jsonl")
    parser.add_argument("--performance", type=Path, default=REPOSITORY / "docs" / "performance.md")
    parser.add_argument("--readme", type=Path, default=REPOSITORY / "README.md")
    return parser.parse_args()


def _turns(arguments: argparse.Namespace) -> list[Turn]:
    """Each configuration in each round; those of a set in turn."""
    if arguments.provider == "cuda":
        from bench import gpu

        sets = gpu.plan(arguments.models)
    else:
        sets = configurations.plan(arguments.models, arguments.only)
    return [(c, turn) for together in sets for turn in range(arguments.rounds) for c in together]


def _done(results: Path, code: str) -> set[Turn]:
    """The turns that this state of the code was measured in, without errors."""
    if not results.exists():
        return set()
    lines = map(json.loads, results.read_text(encoding="utf-8").splitlines())
    measured = (line for line in lines if line.get("code") == code and "error" not in line)
    return {(Configuration(**line["configuration"]), line["round"]) for line in measured}


def _measure(configuration: Configuration, threads: int, seconds: float) -> dict[str, Any]:
    """In a process of its own, after its export was made in another."""
    if configuration.export and not export_path(configuration).exists():
        made = _run("bench.exports", configuration.to_json())
        if "error" in made:
            return made
    return _run("bench.worker", configuration.to_json(), str(threads), str(seconds))


def _run(module: str, *arguments: str) -> dict[str, Any]:
    """The JSON that a module prints last, or the last line of its complaint."""
    command = [sys.executable, "-m", module, *arguments]
    finished = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if finished.returncode:
        complaint = [line for line in finished.stderr.splitlines() if line.strip()]
        return {"error": complaint[-1].strip() if complaint else f"ended with {finished.returncode}"}
    lines = finished.stdout.strip().splitlines()
    return dict(json.loads(lines[-1])) if lines and lines[-1].startswith("{") else {}


def _append(results: Path, line: dict[str, Any]) -> None:
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
