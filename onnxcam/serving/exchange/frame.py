"""The frame of every request: its id, the token, errors as JSON, a line in the log, and the figures."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from onnxcam.errors import OnnxCamError
from onnxcam.serving.exchange.failures import (
    FAILED,
    TIMED_OUT,
    UNAUTHORISED,
    UNAVAILABLE,
    RequestError,
    sentence_of,
    status_of,
)
from onnxcam.serving.exchange.stages import Stages
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from onnxcam.serving.service import Service

    Endpoint = Callable[[Request], Awaitable[Response]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_RETRY_AFTER = "1"  # seconds


def framed(service: Service, route: str, endpoint: Endpoint, *, is_open: bool = False) -> Endpoint:
    """Frames an endpoint.

    Args:
        service: The service.
        route: The route's name in the log and the figures.
        endpoint: Answers a request, or raises.
        is_open: Whether it is answered without the token.

    Returns:
        An endpoint that never raises an ``Exception``.
    """

    async def answer(request: Request) -> Response:
        stages, request_id = Stages(), _request_id(request)
        request.state.stages, request.state.id = stages, request_id
        error: str | None = None
        try:
            if not is_open:
                _check_token(request, service.token)
            response = await endpoint(request)
        except OnnxCamError as raised:
            error = sentence_of(raised)
            response = failure(status_of(raised), error)
        except Exception as raised:  # noqa: BLE001  whatever a request causes, the service goes on
            service.log.failure(raised, id=request_id)
            error = f"the service failed; its log says more of request {request_id}"
            response = failure(FAILED, error)
        response.headers["X-Request-Id"] = request_id
        _record(service, route, request, response.status_code, error)
        return response

    return answer


def failure(status: int, sentence: str) -> Response:
    """The answer to a request that is refused or has failed."""
    headers = {"Retry-After": _RETRY_AFTER} if status == UNAVAILABLE else {}
    if status == UNAUTHORISED:
        headers["WWW-Authenticate"] = "Bearer"
    if status == TIMED_OUT:
        headers["Connection"] = "close"
    body = msgspec.json.encode({"error": sentence})
    return Response(body, status, headers, "application/json")


def of_http(service: Service) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answers requests that no route takes: no such path, or another method."""

    async def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else FAILED
        path = shortened(request.url.path, 100)
        words = {404: f"there is nothing at {path}", 405: f"{path} does not take {shortened(request.method, 20)}"}

        async def refuse(_: Request) -> Response:
            raise RequestError(status, words.get(status, sentence_of(error)))

        response = await framed(service, "none", refuse, is_open=True)(request)
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    return answer


def _check_token(request: Request, token: str | None) -> None:
    if token is None:
        return
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(sent.strip().encode(), token.encode()):
        raise RequestError(UNAUTHORISED, "the token is missing or wrong; send the header 'Authorization: Bearer TOKEN'")


def _request_id(request: Request) -> str:
    """The client's own id, if it is a short name; otherwise a new one."""
    sent = request.headers.get("x-request-id", "")
    return sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)


def _record(service: Service, route: str, request: Request, status: int, error: str | None) -> None:
    stages: Stages = request.state.stages
    sent = request.path_params.get("model", "")
    model = sent if sent in service.models else ""
    service.metrics.count(route, model, status, stages)
    fields: dict[str, Any] = {
        "id": request.state.id,
        "client": request.client.host if request.client else "",
        "method": request.method,
        "path": shortened(request.url.path, 200),
        "model": model,
        "status": status,
        "ms": round(stages.total * 1e3, 2),
        "stages": {stage: round(seconds * 1e3, 2) for stage, seconds in stages.seconds.items()},
    }
    service.log.request(fields | ({"error": error} if error else {}), failed=error is not None)
