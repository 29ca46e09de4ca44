"""``onnxcam doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from onnxcam.cli.table import table
from onnxcam.execution.doctor import examine, versions


def run(*, as_json: bool) -> None:
    """Prints the versions and the state of each execution provider.

    Args:
        as_json: Whether to print JSON.
    """
    found, findings = versions(), examine()
    if as_json:
        typer.echo(json.dumps({"versions": found, "providers": [asdict(item) for item in findings]}, indent=2))
        return
    typer.echo(table(("", ""), list(found.items())))
    typer.echo()
    rows = [(item.provider, "yes" if item.works else "no", item.reason) for item in findings]
    typer.echo(table(("provider", "works", ""), rows))
