"""The routes that explain pictures, and the page that uses them."""

from __future__ import annotations

import sys
from importlib import resources
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response
from starlette.routing import Route

from onnxcam.serving.exchange.bodies import check_headers, read_body
from onnxcam.serving.exchange.failures import INVALID, RequestError
from onnxcam.serving.exchange.frame import framed
from onnxcam.serving.picture.explaining import explain, write
from onnxcam.serving.picture.options import OPTIONS, read_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

    from onnxcam.serving.exchange.stages import Stages
    from onnxcam.serving.models import ServedModel
    from onnxcam.serving.picture.options import PictureRequest
    from onnxcam.serving.service import Service

    Options = list[tuple[str, str]]

_MOST_FIELDS = 64
_PAGE = "page.html"
# The page holds its script and its style, loads nothing from elsewhere, and sends pictures to this service alone.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class _Parser(MultiPartParser):
    """Keeps files in memory, which the limit of the body bounds; a container may have no disk to write to."""

    spool_max_size = sys.maxsize


class PictureRoutes:
    """The endpoints of a service."""

    def __init__(self, service: Service) -> None:
        """Keeps the service."""
        self._service = service

    def routes(self) -> list[Route]:
        """The routes."""
        explained = framed(self._service, "explain", self._explain)
        return [
            Route("/", framed(self._service, "page", self._page, is_open=True)),
            Route("/explain", explained, methods=["POST"]),
            Route("/v1/models/{model}:explain", explained, methods=["POST"]),
            Route("/metrics", framed(self._service, "metrics", self._metrics)),
        ]

    async def _page(self, _: Request) -> Response:
        page = resources.files(__package__).joinpath(_PAGE).read_bytes()
        return Response(page, media_type="text/html", headers=_PAGE_HEADERS)

    async def _metrics(self, _: Request) -> Response:
        return Response(self._service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _explain(self, request: Request) -> Response:
        service, stages = self._service, request.state.stages
        model = service.model(request.path_params.get("model"))
        check_headers(request, service.limits)
        with service.runs.place():
            deadline = stages.start + service.limits.seconds
            body = await read_body(request, service.limits, deadline)
            stages.end("read")
            options: Options = list(request.query_params.multi_items())
            picture: bytes | memoryview = body
            if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
                picture, fields = await _form(request, body)
                options += fields
            wanted = read_options(options, request.headers.get("accept", ""), model, service.limits.rows)
            content, media_type = await service.runs.run(
                lambda left: self._answer(model, picture, wanted, left, stages), stages, request.receive
            )
        return Response(content, media_type=media_type)

    def _answer(
        self, model: ServedModel, picture: bytes | memoryview, wanted: PictureRequest, left: float, stages: Stages
    ) -> tuple[bytes, str]:
        explanation = explain(model, picture, wanted, left)
        stages.end("run")
        self._service.metrics.images.observe(1)
        answer = write(explanation, wanted, model.name)
        stages.end("write")
        return answer


async def _form(request: Request, body: memoryview) -> tuple[bytes, Options]:
    """The picture of a form, and its other fields.

    Raises:
        RequestError: It is no form, or holds no picture or several.
    """
    try:
        parser = _Parser(
            request.headers, _once(body), max_files=1, max_fields=_MOST_FIELDS, max_part_size=len(body) + 1
        )
        form = await parser.parse()
    except (MultiPartException, FormParserError, ValueError, KeyError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise RequestError(INVALID, f"the form is not valid: {reason.rstrip('.')}") from error
    items = form.multi_items()
    files = [value for _, value in items if isinstance(value, UploadFile)]
    try:
        if not files:
            raise RequestError(INVALID, f"the form holds no file; send a picture beside {', '.join(OPTIONS)}")
        return await files[0].read(), [(name, value) for name, value in items if isinstance(value, str)]
    finally:
        await form.close()


async def _once(body: memoryview) -> AsyncGenerator[bytes, None]:
    yield bytes(body)
    yield b""
