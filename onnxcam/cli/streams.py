"""Standard output and error that are closed, full, not in UTF-8, or without a reader."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING

from onnxcam.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

# The exit code where nobody reads on, as in ``onnxcam inspect --labels | head``.
NO_READER = 1


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Makes the standard streams usable for the block, and says in a sentence where the output cannot be written.

    Raises:
        OutputError: The output cannot be written, as on a full disk.
        SystemExit: Its reader has gone.
    """
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_output()
        raise SystemExit(NO_READER) from None
    except OSError as error:
        if error.filename is not None:  # it is not about a stream
            raise
        _give_up_output()
        raise OutputError(f"cannot write to the standard output: {error.strerror or error}") from error


def _open_closed() -> None:
    """Opens what is closed, as by some services: else the next file opened would stand in its place."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115  it stays open
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _give_up_output() -> None:
    """What is still held back would fail once more when the interpreter exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
