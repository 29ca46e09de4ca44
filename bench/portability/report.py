"""Writes ``docs/portability.md``."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from bench.portability.forms import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from bench.portability.rows import Row

_WRONG = 1e-2  # relative L2
_LONGEST_REASON = 150
_OPENING = """# Portability

What other runtimes and tools make of an explainer model: {network}, 224 by 224 pixels, in its
[forms](guide.md#the-artifact). `make portability` writes this page: it installs each runtime in an environment of its
own, and opens each form in a process of its own.

- *levels*: those whose outputs are all right, for a class that is not the top one.
- *error*: the largest relative L2 error of an output at each level, against ONNX Runtime {onnxruntime}. At level 2,
  1e-3 is rounding: where two runtimes round a convolution otherwise, masks flip at the edges of a ReLU6. *ignored*
  means that the runtime does not know the added inputs, and gives the outputs of their defaults.
- *times*: of a run at each level, as a multiple of the plain model's in the same runtime: processor time of one
  thread.

Measured on {date}: {processor}."""

Line = dict[str, Any]
Cells = tuple[str, ...]


def write(path: Path, rows: Sequence[tuple[Row, dict[str, Line]]], conditions: dict[str, str]) -> None:
    """Writes the document.

    Args:
        path: Its path.
        rows: The runtimes, and the lines of their forms.
        conditions: The machine and the network.
    """
    table: list[Cells] = [("runtime", "form", "levels", "error", "times"), ("---",) * 5]
    table += [cells for row, lines in rows for cells in _of_runtime(row, lines)]
    notes = "\n".join(f"- {note}" for note in dict.fromkeys(row.note for row, _ in rows) if note)
    text = [_OPENING.format(**conditions), "\n".join(f"| {' | '.join(cells)} |" for cells in table), notes]
    path.write_text("\n\n".join(filter(None, text)) + "\n", encoding="utf-8")


def _of_runtime(row: Row, lines: dict[str, Line]) -> Iterable[Cells]:
    """The table's lines of a runtime: forms with which it does the same share one."""
    plain = lines["plain"]
    unit = plain.get("levels", {}).get("plain", {}).get("seconds")
    name = f"{row.name} {plain.get('version', row.packages[0].partition('==')[2])}"
    if not any(line.get("levels") for line in lines.values()):
        yield (name, "even the plain model", "none", _reason(plain), "")
        return
    results = [(form, _result(lines[form], LEVELS[form], unit)) for form in LEVELS if form != "plain"]
    for result, forms in itertools.groupby(results, lambda each: each[1]):
        yield (name, "; ".join(form for form, _ in forms), *result)
        name = ""


def _result(line: Line, levels: Sequence[str], unit: float | None) -> Cells:
    """The levels that are right, the errors, and the times."""
    found = line.get("levels", {})
    right = [level for level in levels if _is_right(found.get(level))]
    errors = [_error(found[level]) for level in levels if level in found]
    if "error" in line:
        errors.append(_reason(line))
    times = [f"{found[level]['seconds'] / unit:.2f}" for level in right if unit]
    return ", ".join(right) or "none", " / ".join(dict.fromkeys(errors) if not right else errors), " / ".join(times)


def _is_right(level: Line | None) -> bool:
    return level is not None and level["error"] is not None and level["error"] < _WRONG


def _error(level: Line) -> str:
    error = level["error"]
    if error is None:
        return "ignored"
    if error == 0:
        return "0"
    return f"{error:.0e}" if error < _WRONG else f"**wrong: {error:.2g}**"


def _reason(line: Line) -> str:
    """Why a runtime does not run a form, without places in its own source and files here."""
    text = re.sub(r"\S*/\S+:\d+:?|(?<!\S)/\S+", "", str(line.get("error", "it gives nothing")))
    text = " ".join(text.split()).replace("|", "/").replace("<", "&lt;")
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
