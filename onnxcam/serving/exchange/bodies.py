"""Reads the bodies of requests, up to a size and within a time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from onnxcam.serving.exchange.failures import GONE, INVALID, TIMED_OUT, TOO_LARGE, UNSUPPORTED, RequestError

if TYPE_CHECKING:
    from starlette.requests import Request

    from onnxcam.serving.running.limits import Limits

JSON_LENGTH = "inference-header-content-length"
# Tensors follow the JSON of a request, which may have any length. They are read where they lie, so that the buffer is
# filled from a position that puts them at a multiple of this.
_ALIGNMENT = 16


def check_headers(request: Request, limits: Limits) -> None:
    """Refuses a body by its headers, before it is read.

    Raises:
        RequestError: It is too large, or compressed.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError(UNSUPPORTED, "compressed bodies are not taken; send it without Content-Encoding")
    if _stated_length(request) > limits.body:
        raise too_large(limits)


def json_length(request: Request) -> int | None:
    """The length of the JSON before binary tensors; None if the header does not say.

    Raises:
        RequestError: It is not a number.
    """
    text = request.headers.get(JSON_LENGTH)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise RequestError(INVALID, "the header Inference-Header-Content-Length is not a number of bytes")
    return int(text)


async def read_body(request: Request, limits: Limits, deadline: float, *, aligned_at: int = 0) -> memoryview:
    """Reads a body.

    Args:
        request: The request.
        limits: The largest size.
        deadline: The time by which it must be there, by ``time.monotonic``.
        aligned_at: The position in the body that is to lie at a multiple of the size of numbers.

    Raises:
        RequestError: It is too large, too slow, or the client has gone.
    """
    start = -aligned_at % _ALIGNMENT
    content = bytearray(start + _stated_length(request))
    position = start
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            async for chunk in request.stream():
                end = position + len(chunk)
                if end - start > limits.body:
                    raise too_large(limits)
                content[position:end] = chunk
                position = end
    except TimeoutError:
        raise RequestError(TIMED_OUT, f"the body did not arrive within {limits.seconds:g} seconds") from None
    except ClientDisconnect:
        raise RequestError(GONE, "the client has gone before its body was there") from None
    return memoryview(content)[start:position]


def too_large(limits: Limits) -> RequestError:
    """The error of a body above the limit."""
    return RequestError(TOO_LARGE, f"the body is larger than {limits.body:,} bytes, which is the limit of this service")


def _stated_length(request: Request) -> int:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0
