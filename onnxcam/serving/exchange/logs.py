"""The log: one line of JSON for each request, and for each event of the service."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from typing import Any, TextIO

import msgspec

from onnxcam.serving.exchange.failures import sentence_of

_ENCODER = msgspec.json.Encoder()


class Log:
    """Writes lines of JSON; a reader that has gone does not stop the service."""

    def __init__(self, stream: TextIO | None = None, *, requests: bool = True) -> None:
        """Opens the log.

        Args:
            stream: Where to write; None is the standard error.
            requests: Whether requests that succeed are written too.
        """
        self._stream = stream
        self._requests = requests

    def request(self, fields: dict[str, Any], *, failed: bool) -> None:
        """Writes a line about a request."""
        if failed or self._requests:
            self._write({"level": "warning" if failed else "info", "event": "request"} | fields)

    def event(self, event: str, level: str = "info", **fields: Any) -> None:
        """Writes a line about the service itself."""
        self._write({"level": level, "event": event} | fields)

    def failure(self, error: Exception, **fields: Any) -> None:
        """Writes a line about an error that is a fault of the service, with its place."""
        place, trace = "", error.__traceback__
        while trace is not None:
            place, trace = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}", trace.tb_next
        self.event("failure", "error", error=f"{type(error).__name__}: {sentence_of(error)}", place=place, **fields)

    def _write(self, fields: dict[str, Any]) -> None:
        now = time.time()
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        line = _ENCODER.encode({"time": when} | fields).decode()
        with contextlib.suppress(OSError, ValueError):
            stream = self._stream or sys.stderr
            stream.write(line + "\n")  # in one piece, since several threads write
            stream.flush()


class Forwarding(logging.Handler):
    """Passes the HTTP server's own warnings to the log."""

    def __init__(self, log: Log) -> None:
        """Keeps the log."""
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line."""
        cause = record.exc_info[1] if record.exc_info else None
        if isinstance(cause, Exception):
            self._log.failure(cause)
        else:
            self._log.event("server", record.levelname.lower(), message=record.getMessage())
