"""What came out for each network: results.jsonl, one line a network, the last one counting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.jsonl")


def results() -> dict[str, dict[str, Any]]:
    """The last result of each network."""
    if not RESULTS.exists():
        return {}
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    return {result["name"]: result for result in map(json.loads, lines)}


def add(result: dict[str, Any]) -> None:
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def agrees(result: dict[str, Any]) -> bool:
    """Whether it was exported, verified, and is as close to the independent reference as PyTorch is to itself."""
    if "error" in result:
        return False
    bound = max(2e-2, 4 * result.get("guided_own", 0.0))
    return bool(result.get("guided_exact", result["guided"]) <= bound)
