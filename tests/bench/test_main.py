"""The benchmark runs, each configuration in a process of its own; its timings decide nothing here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.configurations import Configuration

REPOSITORY = Path(__file__).parents[2]


def module(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BENCH_CACHE": str(cache)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)


def test_a_run_goes_on_where_it_stopped(tmp_path):
    options = ("--models", "tiny", "--only", "memory", "--seconds", "0.01", "--threads", "1", "--rounds")
    first = module(tmp_path, "bench", *options, "1")
    assert "[1/10] round 1 plain tiny 224² batch 1, cpu float32 … " in first.stderr
    assert "failed" not in first.stderr
    assert "| its memory with `Explainer(level=1)` | " in first.stdout
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    level2 = next(line for line in lines if line.get("configuration", {}).get("kind") == "level2")
    assert level2["seconds"]["runs"] >= 3
    assert 0 < level2["seconds"]["min"] <= level2["seconds"]["median"]
    assert level2["bytes"] > 0
    again = module(tmp_path, "bench", *options, "1")
    assert "round" not in again.stderr
    assert again.stdout == first.stdout


def test_a_peer_is_measured(tmp_path):
    configuration = Configuration("autograd", "tiny", size=32, batch=2)
    figures = json.loads(module(tmp_path, "bench.worker", configuration.to_json(), "1", "0.01").stdout)
    assert figures["seconds"]["runs"] >= 3
