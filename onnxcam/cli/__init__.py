"""The command line, ``onnxcam``.

Exit codes: 0 success; 1 a verification failed, or the reader of the output has gone; 2 a mistake of the user, with one
line on standard error; 128 plus the number of the signal that ended the process, such as 130 for Ctrl-C.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from onnxcam.cli.messages import say
from onnxcam.errors import OnnxCamError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs ``onnxcam``.

    Args:
        arguments: The arguments without the program's name; None takes those of the process.

    Returns:
        The exit code.
    """
    # Imported first, since the other imports take a while.
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

    # click's UsageError, the base of all errors about wrong usage. Typer 0.26 and later contain click as a private
    # module, earlier versions use the package. A public subclass leads to it in both (seen in 0.15.4 to 0.29.2).
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
    with contextlib.suppress(OSError):  # the exit code is enough
        say(message)
    return code


def _usage_message(error: Exception) -> str:
    """Typer's message on one line, with the command for help."""
    message = " ".join(error.format_message().split()).rstrip(".")  # type: ignore[attr-defined]
    message = message.replace("Value error, ", "")  # the validation library's own words, which say nothing
    context = getattr(error, "ctx", None)
    read_on = f"'{context.command_path if context else 'onnxcam'} --help'"
    return f"{message} See {read_on}" if message.endswith("?") else f"{message}; see {read_on}"
