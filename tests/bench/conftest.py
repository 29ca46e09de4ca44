"""What the benchmark's tests share: results files as a run leaves them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bench import environment
from bench.configurations import NETWORKS, PEERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CODE = "12345678"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """``write(measured("plain", 0.1), …)``: a results file with the machine and these lines."""

    def written(*lines: dict[str, Any]) -> Path:
        path = tmp_path / "results.jsonl"
        machine = {"machine": environment.machine() | {"date": "2026-01-02"}, "threads": 2}
        path.write_text("".join(json.dumps(each) + "\n" for each in (machine, *lines)), encoding="utf-8")
        return path

    return written


@pytest.fixture
def measured() -> Callable[..., dict[str, Any]]:
    """``measured("level2", 0.2, network="vgg16", turn=1, peak=150.0)``: a line of a results file."""

    def line(
        kind: str, seconds: float | None = None, *, turn: int = 0, code: str = CODE, **more: Any
    ) -> dict[str, Any]:
        fields = ("network", "batch", "targets", "provider", "precision")
        configuration = {"kind": kind, **{name: more.pop(name) for name in fields if name in more}}
        times = {} if seconds is None else {"seconds": {"median": seconds}}
        return {"code": code, "configuration": configuration, "round": turn, **times, **more}

    return line


@pytest.fixture
def complete(write: Callable[..., Path], measured: Callable[..., dict[str, Any]]) -> Path:
    """Every network in 100 ms, level 2 in 210 ms, the peers in 500 ms."""
    times = {"plain": 0.1, "level0": 0.1, "level1": 0.1, "level2": 0.21, **dict.fromkeys(PEERS, 0.5)}
    return write(*(measured(kind, seconds, network=n) for n in NETWORKS for kind, seconds in times.items()))
