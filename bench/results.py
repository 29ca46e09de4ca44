"""What was measured, over all rounds, and ratios of it.

Of the times of runs the least of the rounds counts, each the median of a process: other work on the machine only ever
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
        errors: What could not be measured, and why.
    """

    def __init__(self, path: Path) -> None:
        """Reads the file."""
        lines: list[Line] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        run = [line for line in lines if "machine" in line][-1]
        lines = [line for line in lines if "configuration" in line]
        latest = {line["code"].partition("-")[0]: line["code"] for line in lines if "-" in line["code"]}
        engine = lines[-1]["code"].partition("-")[0]
        lines = [line for line in lines if line["code"] in {engine, latest.get(engine)}]
        self.machine: dict[str, str] = run["machine"]
        self.threads: int = run["threads"]
        self.errors: dict[Configuration, str] = {}
        self._lines: dict[Configuration, list[Line]] = defaultdict(list)
        for line in lines:
            configuration = Configuration(**line["configuration"])
            if "error" in line:
                self.errors[configuration] = line["error"]
            else:
                self._lines[configuration].append(line)
        for measured in self._lines:
            self.errors.pop(measured, None)

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

    def seconds(self, configuration: Configuration, statistic: str = "median", *, maps: bool = False) -> float | None:
        """The least of the rounds' medians (or other statistic); with the maps if asked for."""
        lines = self._lines.get(configuration)
        if not lines:
            return None
        times: list[float] = [line["seconds"][statistic] + (line.get("maps", 0) if maps else 0) for line in lines]
        return min(times)

    def number(self, configuration: Configuration, key: str) -> float | None:
        """The median over the rounds of any other number."""
        values = [line[key] for line in self._lines.get(configuration, ()) if key in line]
        return statistics.median(values) if values else None

    def entry(self, configuration: Configuration, key: str) -> Any:
        """What the last round says, where it is no number."""
        lines = self._lines.get(configuration)
        return lines[-1].get(key) if lines else None

    def part(self, configuration: Configuration, name: str) -> float | None:
        """The least of the rounds' medians of a part's seconds."""
        lines = self._lines.get(configuration)
        return min(line["parts"][name] for line in lines) if lines else None


def ratio(value: float | None, base: float | None) -> float | None:
    """``value / base``, where both are known."""
    return None if value is None or base is None else value / base
