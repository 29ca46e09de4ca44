"""The look of ``--help``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


def without_values(parameters: Any) -> Any:
    """Removes the value from flags, which Typer would show as ``--json <bool>``.

    Args:
        parameters: All parameters of a command, including ``--help``.

    Returns:
        The same parameters.
    """
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters


class Command(TyperCommand):
    """A command whose help shows flags without a value."""

    def get_params(self, ctx: Any) -> Any:
        """The command's parameters."""
        return without_values(super().get_params(ctx))
