"""The commands of onnxcam-export, ``export`` and ``layers``: stubs that say how to install it.

An entry point of a stub's name in the group ``onnxcam.commands`` replaces the stub. It is a function that Typer can
make a command of. It is loaded only when the command is run, or asked for help or completion, since it imports PyTorch.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from onnxcam.cli.help import Command, without_values
from onnxcam.errors import OnnxCamError

GROUP = "onnxcam.commands"
STUBS = {
    "export": "Makes an explainer model from a PyTorch network or an ONNX file.",
    "layers": "Lists the layers of a network that can be explained.",
}


class Commands(TyperGroup):
    """A group of commands, some of which are stubs for another distribution's commands."""

    def get_params(self, ctx: Any) -> Any:
        """The group's own options, before the command."""
        return without_values(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command to run; an installed command replaces its stub here."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, (_installed(name) or command) if name in STUBS else command, rest


def add_stubs(app: typer.Typer) -> None:
    """Adds the stubs; they accept any options, since the commands' own options are unknown here."""
    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    for name, help_text in STUBS.items():
        app.command(name, cls=Command, help=help_text, add_help_option=False, context_settings=settings)(_not_installed)


def _not_installed(context: typer.Context) -> None:
    raise OnnxCamError(
        f"'{context.info_name}' is not part of this installation; install it with: pip install onnxcam-export"
    )


def _installed(name: str) -> Any:
    """Imports the command of that name from another distribution; None if none has it."""
    from importlib.metadata import entry_points  # noqa: PLC0415  slow to import, and our own commands do not need it

    for point in entry_points(group=GROUP, name=name):
        single = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
        single.command(name, cls=Command)(point.load())
        return typer.main.get_command(single)
    return None
