"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_MODEL = "EfficientNet-Lite0, included"
ModelArgument = Annotated[Path | None, typer.Argument(help="An explainer model.", show_default=DEFAULT_MODEL)]
ProviderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--provider",
        metavar="NAME",
        help="Execution provider, such as cuda or cpu; may be repeated, in order of preference.",
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Threads for one run.", show_default="one per core")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
