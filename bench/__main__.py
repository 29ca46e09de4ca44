"""Takes turns: ``python -m bench [--models …] [--only …] [--rounds N] …``, then the report."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench import configurations, environment, report
from bench.configurations import CACHE, GROUPS, NETWORKS, Configuration


def main() -> None:
    """Measures what is missing among the results, and writes the report."""
    arguments = _arguments()
    if arguments.provider == "cuda":
        sets = configurations.gpu_plan(arguments.models)
    else:
        sets = configurations.plan(arguments.models, arguments.only)
    results: Path = arguments.results
    results.parent.mkdir(parents=True, exist_ok=True)
    done = _done(results)
    turns = [(c, r) for s in sets for r in range(arguments.rounds) for c in s if r < c.rounds(arguments.rounds)]
    codes = {c: environment.code(c) for c, _ in turns}
    turns = [(c, r) for c, r in dict.fromkeys(turns) if (c.to_json(), r, codes[c]) not in done]
    if turns:
        _append(results, {"machine": environment.machine(), "threads": arguments.threads})
    for number, (configuration, turn) in enumerate(turns, 1):
        sys.stderr.write(f"[{number}/{len(turns)}] round {turn + 1} {_in_words(configuration)} … ")
        sys.stderr.flush()
        start = time.perf_counter()
        measured = _measure(configuration, arguments.threads, arguments.seconds)
        line = {"code": codes[configuration], "configuration": json.loads(configuration.to_json()), "round": turn}
        _append(results, line | measured)
        taken = f"{time.perf_counter() - start:.1f} s"
        sys.stderr.write(f"failed: {measured['error']}\n" if "error" in measured else f"{taken}\n")
    report.write(results, arguments.docs, arguments.readme)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    repository = configurations.REPOSITORY
    parser.add_argument("--models", nargs="+", default=list(NETWORKS), metavar="MODEL", help=", ".join(NETWORKS))
    parser.add_argument("--only", nargs="+", default=list(GROUPS), choices=GROUPS, help="parts of the benchmark")
    parser.add_argument("--rounds", type=int, default=5, help="0 writes the report of what there is")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long a configuration is repeated in a round")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--provider", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--results", type=Path, default=CACHE / "results.jsonl")
    parser.add_argument("--docs", type=Path, default=repository / "docs")
    parser.add_argument("--readme", type=Path, default=repository / "README.md")
    return parser.parse_args()


def _measure(configuration: Configuration, threads: int, seconds: float) -> dict[str, object]:
    """In a process of its own, after its exports were made in another."""
    if configuration.exports:
        c = configuration
        made = _run("bench.networks", c.network, str(c.size), c.precision, *c.exports)
        if "error" in made:
            return made
    return _run("bench.worker", configuration.to_json(), str(threads), str(seconds))


def _run(module: str, *arguments: str) -> dict[str, object]:
    """The JSON that a module prints, or the last line of its complaint."""
    finished = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=configurations.REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = finished.stdout.strip().splitlines()
    if finished.returncode:
        complaint = [line for line in finished.stderr.splitlines() if line.strip()]
        return {"error": complaint[-1].strip() if complaint else f"ended with {finished.returncode}"}
    return dict(json.loads(lines[-1])) if lines and lines[-1].startswith("{") else {}


def _done(results: Path) -> set[tuple[str, int, str]]:
    """What was measured without errors, in which round, and of which state of the code."""
    if not results.exists():
        return set()
    lines = map(json.loads, results.read_text(encoding="utf-8").splitlines())
    measured = (line for line in lines if "configuration" in line and "error" not in line)
    return {(json.dumps(line["configuration"]), line["round"], line["code"]) for line in measured}


def _append(results: Path, line: dict[str, object]) -> None:
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _in_words(configuration: Configuration) -> str:
    c = configuration
    clients = f", {c.clients} clients" if c.clients else ""
    return f"{c.kind} {c.network} {c.size}² batch {c.batch}, {c.targets} targets{clients}, {c.provider} {c.precision}"


if __name__ == "__main__":
    main()
