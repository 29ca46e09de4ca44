"""The results of all rounds.

A time is the smallest of the rounds' medians, because other work on the machine can only make a process slower. Any
other figure is the median over the rounds.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bench.configurations import Configuration

if TYPE_CHECKING:
    from pathlib import Path

Line = dict[str, Any]


class Results:
    """The lines of a results file for the state of the code that was measured last.

    Attributes:
        machine: The machine and the versions.
        threads: The threads of each runtime.
        errors: The errors of configurations that could not be measured.
    """

    def __init__(self, path: Path) -> None:
        """Reads the file."""
        lines: list[Line] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        run = [line for line in lines if "machine" in line][-1]
        self.machine: dict[str, str] = run["machine"]
        self.threads: int = run["threads"]
        lines = [line for line in lines if "configuration" in line]
        self._lines: dict[Configuration, list[Line]] = defaultdict(list)
        failed: dict[Configuration, str] = {}
        for line in (line for line in lines if line["code"] == lines[-1]["code"]):
            configuration = Configuration(**line["configuration"])
            if "error" in line:
                failed[configuration] = line["error"]
            else:
                self._lines[configuration].append(line)
        self.errors = {c: error for c, error in failed.items() if c not in self._lines}

    @property
    def configurations(self) -> list[Configuration]:
        """All measured configurations."""
        return list(self._lines)

    @property
    def rounds(self) -> int:
        """The largest number of rounds of a configuration."""
        return max((len(lines) for lines in self._lines.values()), default=0)

    def seconds(self, configuration: Configuration) -> float | None:
        """The smallest of the rounds' medians."""
        lines = self._lines.get(configuration, ())
        return min((line["seconds"]["median"] for line in lines if "seconds" in line), default=None)

    def number(self, configuration: Configuration, key: str) -> float | None:
        """The median of any other figure over the rounds."""
        values = [line[key] for line in self._lines.get(configuration, ()) if key in line]
        return statistics.median(values) if values else None
