"""The command line.

Exit codes: 0 all went well; 1 a verification failed, or nobody read the output to its end; 2 a mistake of the user's,
told in one line; 128 and the signal's number where one ended it, as 130 for Ctrl-C.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from onnxcam.errors import OnnxCamError, VerificationError
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs ``onnxcam``.

    Args:
        arguments: Without the program's name; None takes them from the process.

    Returns:
        The exit code.
    """
    # First, since the rest takes a while to import.
    from onnxcam.cli.signals import Ended, ending_signals  # noqa: PLC0415

    try:
        with ending_signals():
            return _run(arguments)
    except Ended as ended:
        return _say(str(ended), ended.code)


def _run(arguments: Sequence[str] | None) -> int:
    import typer  # noqa: PLC0415

    from onnxcam.cli.app import app  # noqa: PLC0415
    from onnxcam.cli.streams import standard_streams  # noqa: PLC0415

    # UsageError, the base of all that is said about wrong usage. Typer 0.26 and later carry click inside as a private
    # module, earlier ones use the package, so its one public subclass is where both have it: seen in 0.15.4 to 0.29.2.
    usage_error: type[Exception] = typer.BadParameter.__mro__[1]
    try:
        with standard_streams():
            code = app(args=arguments, prog_name="onnxcam", standalone_mode=False)
            return code if isinstance(code, int) else 0
    except VerificationError as error:
        return _say(str(error), FAILED)
    except OnnxCamError as error:
        return _say(str(error), USAGE)
    except usage_error as error:
        return _say(_usage_message(error), USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED


def _say(message: str, code: int) -> int:
    with contextlib.suppress(OSError):  # the code says it too
        sys.stderr.write(f"onnxcam: {printable(message)}\n")
    return code


def _usage_message(error: Exception) -> str:
    """Typer's message on one line, with where to read on."""
    message = " ".join(error.format_message().split()).rstrip(".")  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    return f"{message}; see '{context.command_path if context else 'onnxcam'} --help'"
