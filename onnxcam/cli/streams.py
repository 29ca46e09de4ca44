"""Handles standard streams that are closed, full, not in UTF-8, or without a reader."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING

from onnxcam.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

# The exit code if the reader of the output has gone, as in ``onnxcam inspect --labels | head``.
NO_READER = 1


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Makes the standard streams usable for the block, and raises readable errors if the output cannot be written.

    Raises:
        OutputError: The output cannot be written, as on a full disk.
        SystemExit: The reader of the output has gone.
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
        if error.filename is not None:  # the error is about a file, not about a stream
            raise
        _give_up_output()
        raise OutputError(f"cannot write to the standard output: {error.strerror or error}") from error


def _open_closed() -> None:
    """Opens streams that are closed, as in some services: otherwise the next file would take a stream's number."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115  it stays open
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _give_up_output() -> None:
    """Discards buffered output, which would fail again when the interpreter exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
