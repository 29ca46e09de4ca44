"""The errors of the service, and the HTTP status of each error that a request can cause."""

from __future__ import annotations

from onnxcam.errors import ModelError, OnnxCamError, ProviderError, RunTimeoutError
from onnxcam.text import printable

INVALID, UNAUTHORISED, NOT_FOUND, TIMED_OUT, TOO_LARGE, UNSUPPORTED = 400, 401, 404, 408, 413, 415
GONE = 499  # nginx's number; nobody reads it but the log
FAILED, UNAVAILABLE, RAN_TOO_LONG = 500, 503, 504


class ServiceError(OnnxCamError):
    """The service cannot start: a port in use, two models of one name, a token that cannot be read."""


class RequestError(OnnxCamError):
    """A request that is not answered.

    Attributes:
        status: The HTTP status, which says whose fault it is.
    """

    def __init__(self, status: int, sentence: str) -> None:
        """Keeps the status and the sentence."""
        super().__init__(sentence)
        self.status = status


def status_of(error: OnnxCamError) -> int:
    """The HTTP status of an error; one that a model or this machine causes is the service's."""
    if isinstance(error, RequestError):
        return error.status
    if isinstance(error, RunTimeoutError):
        return RAN_TOO_LONG
    return FAILED if isinstance(error, (ModelError, ProviderError)) else INVALID


def sentence_of(error: Exception) -> str:
    """The message of an error, on one line."""
    return printable(" ".join(str(error).split()))
