"""The HTTP server around a service: its socket, its start and its end."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from PIL import Image

from onnxcam.photograph.reading import reason
from onnxcam.serving.application import application
from onnxcam.serving.exchange.failures import ServiceError
from onnxcam.serving.exchange.logs import Forwarding

if TYPE_CHECKING:
    from collections.abc import Generator

    from onnxcam.serving.service import Service

_BACKLOG = 1024
# Seconds beyond the time limit of requests, for the answers that are still being written when the service ends.
_LAST_WORDS = 5


def listen(host: str, port: int) -> socket.socket:
    """Binds the socket, before the models are opened.

    Args:
        host: An address, or a name such as ``localhost``.
        port: The port; 0 lets the system choose.

    Raises:
        ServiceError: The port is in use or not allowed, or the host is not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise ServiceError(f"{host!r} is no address to listen at: {reason(error)}") from error
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ServiceError(f"cannot listen at {host}, port {port}: {_hint(error)}") from error
    return listener


def serve(service: Service, listener: socket.socket) -> None:
    """Opens the models and answers requests, until a signal asks the service to end.

    Requests that have begun are answered before it ends; new connections are refused meanwhile.

    Args:
        service: The service.
        listener: From ``listen``.

    Raises:
        OnnxCamError: A model cannot be opened, or fails its check.
    """
    Image.MAX_IMAGE_PIXELS = service.limits.pixels
    server = _server(service)
    opening = _Opening(service, server)
    opening.start()
    try:
        server.run(sockets=[listener])
    finally:
        opening.join()
        service.runs.close()
        listener.close()
    if opening.error is not None:
        raise opening.error
    service.log.event("ended")


class _Opening(threading.Thread):
    """Opens the models while the server already says that it lives; if that fails, it ends the server."""

    def __init__(self, service: Service, server: uvicorn.Server) -> None:
        super().__init__(name="onnxcam-open", daemon=True)
        self._service, self._server = service, server
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._service.open()
        except BaseException as error:  # noqa: BLE001  it is raised in the main thread
            self.error = error
            self._server.should_exit = True
            return
        self._service.log.event("ready", models=list(self._service.models))


class _Server(uvicorn.Server):
    """Ends on a signal without raising it once more, so that a drained service has the exit code 0."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        if not self._service.stops:
            self._service.stops = True
            self._service.log.event("ending", signal=signal.Signals(sig).name)
        super().handle_exit(sig, frame)


def _server(service: Service) -> uvicorn.Server:
    seconds = service.limits.seconds + _LAST_WORDS
    config = uvicorn.Config(
        application(service),
        lifespan="off",
        loop="asyncio",
        http="httptools",  # 0.8 ms less for a body of 600 kB than with h11, which is Python
        ws="none",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(seconds),
        timeout_keep_alive=65,  # longer than the idle time of usual load balancers, which is 60 s
    )
    logger = logging.getLogger("uvicorn.error")
    logger.handlers, logger.propagate = [Forwarding(service.log)], False
    return _Server(config, service)


def _hint(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use; choose another with --port, or end the program that has it"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "this port is not allowed; choose one from 1024 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have the address; choose one of its own with --host"
    return reason(error)
