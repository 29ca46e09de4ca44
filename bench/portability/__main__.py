"""Runs every form in every runtime and writes the document: ``python -m bench.portability [--only NAME …] …``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnxruntime

from bench import environment
from bench.configurations import CACHE, REPOSITORY
from bench.portability import environments, forms, report
from bench.portability.rows import RUNTIMES, Row

_LONGEST = 300  # seconds of a process

Line = dict[str, Any]


def main() -> None:
    """Runs the rows that are asked for, and reports all that have results."""
    arguments = _arguments()
    folder = CACHE / "portability"
    forms.write(folder / "forms", arguments.network)
    results = folder / "results.json"
    found: dict[str, Line] = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    for row in RUNTIMES:
        if not arguments.only or row.folder in arguments.only:
            sys.stderr.write(f"{row.folder} …\n")
            found[row.folder] = {form: _line(row, form, folder) for form in forms.LEVELS}
            results.write_text(json.dumps(found, indent=1), encoding="utf-8")
    conditions = {**environment.machine(), "network": arguments.network, "onnxruntime": onnxruntime.__version__}
    report.write(arguments.output, [(row, found[row.folder]) for row in RUNTIMES if row.folder in found], conditions)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.portability")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=", ".join(row.folder for row in RUNTIMES))
    parser.add_argument("--network", default="efficientnet_lite0", help="a network of the benchmark")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "portability.md")
    return parser.parse_args()


def _line(row: Row, form: str, folder: Path) -> Line:
    """What a runtime makes of a form, in a process of its own."""
    try:
        command = environments.command(row, folder)
    except subprocess.CalledProcessError as error:
        return {"error": f"does not install: {_last_line(error.stderr)}"}
    files = [str(forms.path_of(folder / "forms", form)), str(folder / "forms"), ";".join(forms.LEVELS[form])]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(
            [*command, *files],
            cwd=environments.working_folder(row, folder),
            env=one_thread,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"takes more than {_LONGEST} s"}
    last = ended.stdout.strip().rpartition("\n")[2]
    if ended.returncode < 0:
        return {"error": f"the process ends with {signal.Signals(-ended.returncode).name}"}
    return dict(json.loads(last)) if last.startswith("{") else {"error": _last_line(ended.stderr)}


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2] or "it prints nothing"


if __name__ == "__main__":
    main()
