"""``onnxcam verify``: runs a model's golden check on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from onnxcam.cli.table import table
from onnxcam.errors import VerificationError
from onnxcam.execution.bundled import default_model
from onnxcam.execution.golden import check
from onnxcam.execution.model import LoadedModel
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def run(model: Path | None, *, as_json: bool, providers: Sequence[str] | None, threads: int | None) -> None:
    """Runs the golden check and prints the comparison.

    Args:
        model: The path; None is the default model.
        as_json: Whether to print JSON.
        providers: As in ``Explainer``.
        threads: As in ``Explainer``.

    Raises:
        VerificationError: An output differs by more than the tolerance.
    """
    path = default_model() if model is None else model
    loaded = LoadedModel(path, providers, threads)
    compared = check(loaded)
    if as_json:
        outputs = [{**asdict(item), "passed": item.passed} for item in compared]
        typer.echo(json.dumps({"model": str(path), "providers": loaded.providers, "outputs": outputs}))
    else:
        rows = [
            (item.name, f"{item.error:.1e}", f"{item.tolerance:.0e}", "ok" if item.passed else "FAILED")
            for item in compared
        ]
        typer.echo(f"{printable(str(path))} on {loaded.providers[0]}")
        typer.echo(table(("output", "error", "allowed", "result"), rows, right="error allowed"))
    failed = [item.name for item in compared if not item.passed]
    if failed:
        raise VerificationError(
            f"{path} on {loaded.providers[0]} differs from its export in {', '.join(failed)}; "
            "try another provider, or export it again"
        )
