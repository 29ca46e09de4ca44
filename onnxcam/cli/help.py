"""How ``--help`` shows options and examples."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


def without_values(parameters: Any) -> Any:
    """Lets flags look like flags: Typer would show ``--json <bool>``, as if a value were to follow.

    Args:
        parameters: All of a command, ``--help`` too.

    Returns:
        The same.
    """
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters


class Command(TyperCommand):
    """A command."""

    def get_params(self, ctx: Any) -> Any:
        """Its parameters."""
        return without_values(super().get_params(ctx))
