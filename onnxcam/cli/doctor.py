"""``onnxcam doctor``: prints versions and the state of the execution providers."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from onnxcam.cli.table import table
from onnxcam.errors import ProviderError
from onnxcam.execution.installation import conflicts, versions
from onnxcam.execution.machine import crashes, this_machine, unsuitable
from onnxcam.text import printable

if TYPE_CHECKING:
    from onnxcam.execution.doctor import Finding


def run(*, as_json: bool) -> None:
    """Prints the versions, the installation's faults, and the state of each execution provider.

    Args:
        as_json: Whether to print JSON.
    """
    found = versions()
    notes = conflicts(found)
    findings = _examine(notes)
    if as_json:
        providers = [asdict(item) for item in findings]
        typer.echo(json.dumps({"versions": found, "notes": notes, "providers": providers}, indent=2))
        return
    typer.echo(table(("", ""), list(found.items())))
    typer.echo("".join(f"\n{printable(note)}\n" for note in notes))
    rows = [(item.provider, "yes" if item.works else "no", item.reason) for item in findings]
    if rows:
        typer.echo(table(("provider", "works", ""), rows))


def _examine(notes: list[str]) -> list[Finding]:
    """The providers; if ONNX Runtime is missing, broken or made for another machine, none, and notes about it."""
    if fatal := crashes():
        notes += [*fatal, *unsuitable(this_machine())]
        return []
    try:
        from onnxcam.execution.doctor import examine  # noqa: PLC0415  this import may fail
    except ProviderError as error:
        notes += [str(error), *unsuitable(this_machine())]
        return []
    return examine()
