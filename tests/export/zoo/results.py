"""What came out for each network, one line a network, the last one counting.

results.jsonl has the modules, and files.jsonl the files that PyTorch's older exporter makes of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
MODULES, FILES = "results.jsonl", "files.jsonl"


def results(name: str = MODULES) -> dict[str, dict[str, Any]]:
    """The last result of each network."""
    path = FOLDER / name
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {result["name"]: result for result in map(json.loads, lines)}


def add(result: dict[str, Any], name: str = MODULES) -> None:
    with (FOLDER / name).open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def agrees(result: dict[str, Any]) -> bool:
    """Whether it was exported, verified, and is as close to the independent reference as PyTorch is to itself."""
    if "error" in result or "unwritten" in result:
        return False
    bound = max(2e-2, 4 * result.get("guided_own", 0.0))
    return bool(result.get("guided_exact", result["guided"]) <= bound)
