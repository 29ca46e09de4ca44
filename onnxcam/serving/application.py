"""The ASGI application of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from onnxcam.serving.exchange.frame import of_http
from onnxcam.serving.picture.routes import PictureRoutes
from onnxcam.serving.protocol.routes import ProtocolRoutes

if TYPE_CHECKING:
    from onnxcam.serving.service import Service


def application(service: Service) -> Starlette:
    """Makes the application; the caller opens the service's models.

    Args:
        service: The service.

    Returns:
        An application for any ASGI server.
    """
    routes = [*ProtocolRoutes(service).routes(), *PictureRoutes(service).routes()]
    return Starlette(routes=routes, exception_handlers={HTTPException: of_http(service)})
