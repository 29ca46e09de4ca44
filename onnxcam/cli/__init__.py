"""The command line.

Exit codes: 0 all went well; 1 a verification failed; 2 a mistake of the user's, told in one line; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from onnxcam.errors import OnnxCamError, VerificationError
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    import typer  # noqa: PLC0415

    from onnxcam.cli.app import app  # noqa: PLC0415

    # UsageError, the base of all that is said about wrong usage. Typer 0.26 and later carry click inside as a private
    # module, earlier ones use the package, so its one public subclass is where both have it: seen in 0.15.4 to 0.29.2.
    usage_error: type[Exception] = typer.BadParameter.__mro__[1]
    try:
        with _quiet_pipe():
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
    sys.stderr.write(f"onnxcam: {printable(message)}\n")
    return code


def _usage_message(error: Exception) -> str:
    """Typer's message on one line, with where to read on."""
    message = " ".join(error.format_message().split()).rstrip(".")  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    return f"{message}; see '{context.command_path if context else 'onnxcam'} --help'"


@contextlib.contextmanager
def _quiet_pipe() -> Iterator[None]:
    """Ends quietly when the reader of our output has gone, as in ``onnxcam inspect --labels | head``."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would fail once more when the interpreter exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(FAILED) from None
