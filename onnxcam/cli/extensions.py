"""Commands that other distributions add: ``export`` and ``layers`` come with onnxcam-export.

They are entry points of the group ``onnxcam.commands``, each a function that Typer can make a command of. They are
imported only when they are run, or asked for help or completion: the export side brings PyTorch along.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from onnxcam.cli.help import Command, without_values
from onnxcam.errors import OnnxCamError

GROUP = "onnxcam.commands"
KNOWN = {
    "export": "Makes an explainer model of a PyTorch network.",
    "layers": "Lists the layers of a PyTorch network that can be explained.",
}


class Commands(TyperGroup):
    """The commands of this distribution, and those of others behind them."""

    def get_params(self, ctx: Any) -> Any:
        """The options before the command."""
        return without_values(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, without importing anything."""
        return [*super().list_commands(ctx), *KNOWN]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command to show in the list; one of another distribution is only a name and a line of help."""
        if cmd_name in KNOWN:
            return _command(cmd_name, lambda: None, KNOWN[cmd_name])
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command to run: now it is imported."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in KNOWN and not (ctx.resilient_parsing and _entry_point(name) is None):
            command = _load(name)
        return name, command, rest


def _load(name: str) -> Any:
    """Imports a command.

    Raises:
        OnnxCamError: The distribution that has it is not installed.
    """
    point = _entry_point(name)
    if point is None:
        raise OnnxCamError(f"'{name}' is not part of this installation; install it with: pip install onnxcam-export")
    return _command(name, point.load(), None)


def _entry_point(name: str) -> Any:
    from importlib.metadata import entry_points  # noqa: PLC0415  slow to import, and not needed for our own commands

    return next(iter(entry_points(group=GROUP, name=name)), None)


def _command(name: str, function: Any, help_text: str | None) -> Any:
    """Makes a command of a function, as ``@app.command()`` would."""
    single = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
    single.command(name, cls=Command, help=help_text)(function)
    return typer.main.get_command(single)
