"""The results of all rounds, and which of them counts.

Of the times of runs it is the least of the rounds, each the median of a process: other work on the machine only ever
makes a process slower, often for as long as it lives. Of everything else it is the median.
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
    """The lines of a results file that belong to the state of the code measured last.

    Attributes:
        machine: What it was measured on.
        threads: Of each runtime.
        errors: Why a configuration could not be measured.
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
        for line in lines:
            if line["code"] != lines[-1]["code"]:
                continue
            configuration = Configuration(**line["configuration"])
            if "error" in line:
                failed[configuration] = line["error"]
            else:
                self._lines[configuration].append(line)
        self.errors = {configuration: error for configuration, error in failed.items() if configuration not in self}

    def __contains__(self, configuration: Configuration) -> bool:
        """Whether it was measured."""
        return configuration in self._lines

    @property
    def configurations(self) -> list[Configuration]:
        """All that were measured."""
        return list(self._lines)

    @property
    def rounds(self) -> int:
        """The most rounds that anything was measured in."""
        return max((len(lines) for lines in self._lines.values()), default=0)

    def seconds(self, configuration: Configuration) -> float | None:
        """The least of the rounds' medians."""
        lines = self._lines.get(configuration, ())
        return min((line["seconds"]["median"] for line in lines if "seconds" in line), default=None)

    def number(self, configuration: Configuration, key: str) -> float | None:
        """The median over the rounds of any other number."""
        values = [line[key] for line in self._lines.get(configuration, ()) if key in line]
        return statistics.median(values) if values else None
