"""Serves a folder on this machine alone, with the headers that give the page threads."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from onnxcam.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class _Handler(SimpleHTTPRequestHandler):
    # Python guesses these from the system's tables, which may lack them.
    extensions_map: dict[str, str] = {  # noqa: RUF012  as the base class has it
        **SimpleHTTPRequestHandler.extensions_map,
        ".wasm": "application/wasm",
        ".js": "text/javascript",
    }
    timeout = 30  # seconds that a visitor may be silent

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        """A folder without an index is not shown."""
        del path
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        """Nobody reads it."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of a folder on the loopback interface; ``serve_forever`` runs it.

    Args:
        folder: What it serves.
        port: 0 takes a free one.

    Raises:
        OutputError: The port is taken, or not allowed.
    """
    handler = functools.partial(_Handler, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise OutputError(f"cannot serve at port {port}: {error.strerror}; name another with --port") from error
