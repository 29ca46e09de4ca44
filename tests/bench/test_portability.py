"""The matrix of runtimes: its forms run in the ONNX Runtime of this environment, and its table says what came out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.portability import report
from bench.portability.forms import LEVELS, path_of
from bench.portability.rows import RUNTIMES, Row

REPOSITORY = Path(__file__).parents[2]
PLAIN = {"version": "1.2", "levels": {"plain": {"error": 0.0, "seconds": 0.01}}}


def level(error, seconds=0.02):
    return {"error": error, "seconds": seconds}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The forms of a small network."""
    cache = tmp_path_factory.mktemp("cache")
    code = (
        "from bench.configurations import CACHE; from bench.portability import forms; "
        "forms.write(CACHE / 'forms', 'tiny')"
    )
    environment = {**os.environ, "BENCH_CACHE": str(cache)}
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environment, check=True, capture_output=True)
    return cache / "forms"


@pytest.mark.parametrize("form", LEVELS)
def test_onnx_runtime_runs_every_form(form, folder):
    command = [sys.executable, "-m", "bench.portability.runtimes.onnx_runtime"]
    files = [path_of(folder, form), folder, ";".join(LEVELS[form])]
    ended = subprocess.run([*command, *files], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout)
    assert "error" not in found
    assert list(found["levels"]) == list(LEVELS[form])
    assert all(result["error"] < 1e-5 for result in found["levels"].values())


def test_a_runtime_that_ignores_the_inputs_is_seen(folder):
    """The model of a fixed level 0, where level 2 and another class are asked for."""
    code = (
        "import sys, onnxcam; from pathlib import Path; "
        "Path(sys.argv[2]).write_bytes(onnxcam.adapt(sys.argv[1], level=0))"
    )
    pinned = folder / "pinned.onnx"
    subprocess.run([sys.executable, "-c", code, path_of(folder, "as exported"), pinned], cwd=REPOSITORY, check=True)
    command = [sys.executable, "-m", "bench.portability.runtimes.onnx_runtime", pinned, folder, "0;2"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    errors = {name: result["error"] for name, result in json.loads(ended.stdout)["levels"].items()}
    assert errors["0"] < 1e-5
    assert errors["2"] is None


def written(tmp_path, lines):
    row = Row("Some runtime", ("some",), ("some==1.2",), "A note.")
    conditions = {"network": "tiny", "date": "2026-01-02", "processor": "P", "onnxruntime": "1.31.1"}
    report.write(tmp_path / "page.md", [(row, lines)], conditions)
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert text.startswith("# Portability\n")
    assert text.endswith("\n\n- A note.\n")
    return [line for line in text.splitlines() if line.startswith("|")][2:]


def lines_of(line, lines):
    """The forms with a line."""
    return [form for form, other in lines.items() if other is line]


def test_the_table(tmp_path):
    crashed = {"error": "the process ends with SIGSEGV"}
    lines = {
        "plain": PLAIN,
        "as exported": {"version": "1.2", "levels": {"0": level(None), "1": level(None), "2": level(None)}},
        "required inputs": {
            "version": "1.2",
            "levels": {"0": level(2e-7, 0.0102), "1": level(3e-6, 0.011), "2": level(0.79)},
        },
        "required, level 1 fixed": crashed,
        "required, level 1 fixed, sizes fixed": crashed,
        "required, level 2 fixed": crashed,
        "required, flat": crashed,
        "required, flat, sizes fixed": {"version": "1.2", "levels": {}, "error": "E: /a/b.cpp:12: no | <If>"},
    }
    assert written(tmp_path, lines) == [
        "| Some runtime 1.2 | as exported | none | ignored |  |",
        "|  | required inputs | 0, 1 | 2e-07 / 3e-06 / **wrong: 0.79** | 1.02 / 1.10 |",
        f"|  | {'; '.join(lines_of(crashed, lines))} | none | the process ends with SIGSEGV |  |",
        "|  | required, flat, sizes fixed | none | E: no / &lt;If> |  |",
    ]


def test_a_runtime_that_does_not_run_even_the_plain_model(tmp_path):
    lines = {form: {"error": "does not install: no such version"} for form in LEVELS}
    assert written(tmp_path, lines) == [
        "| Some runtime 1.2 | even the plain model | none | does not install: no such version |  |"
    ]


def test_every_runtime_has_a_program_and_an_environment_of_its_own():
    programs = REPOSITORY / "bench" / "portability" / "runtimes"
    names = {row.program[0] for row in RUNTIMES}
    assert all((programs / (name if name.endswith(".mjs") else f"{name}.py")).is_file() for name in names)
    assert len({row.folder for row in RUNTIMES}) == len(RUNTIMES)
