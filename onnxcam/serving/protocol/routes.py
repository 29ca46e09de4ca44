"""The routes of the Open Inference Protocol: health, metadata and inference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from onnxcam.serving.exchange.bodies import check_headers, json_length, read_body
from onnxcam.serving.exchange.failures import NOT_FOUND, UNAVAILABLE, RequestError
from onnxcam.serving.exchange.frame import failure, framed
from onnxcam.serving.protocol.answer import VERSION
from onnxcam.serving.protocol.datatypes import datatype_of
from onnxcam.serving.protocol.inference import read_inference
from onnxcam.text import shortened
from onnxcam.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

    from onnxcam.execution.tensor_types import TensorType
    from onnxcam.serving.exchange.stages import Stages
    from onnxcam.serving.models import ServedModel
    from onnxcam.serving.service import Service

    Answer = tuple[bytes, int | None]

_PLATFORM = "onnxruntime_onnx"
_JSON, _BINARY = "application/json", "application/octet-stream"


class ProtocolRoutes:
    """The endpoints of a service."""

    def __init__(self, service: Service) -> None:
        """Keeps the service."""
        self._service = service

    def routes(self) -> list[Route]:
        """The routes."""
        model = "/v2/models/{model}"
        found = [
            Route("/v2", self._framed("metadata", self._server)),
            Route("/v2/health/live", self._framed("health", self._live, is_open=True)),
            Route("/v2/health/ready", self._framed("health", self._ready, is_open=True)),
        ]
        for path in (model, model + "/versions/{version}"):
            found += [
                Route(path, self._framed("metadata", self._model)),
                Route(path + "/ready", self._framed("health", self._model_ready)),
                Route(path + "/infer", self._framed("infer", self._infer), methods=["POST"]),
            ]
        return found

    def _framed(self, route: str, endpoint: Any, *, is_open: bool = False) -> Any:
        return framed(self._service, route, endpoint, is_open=is_open)

    async def _server(self, _: Request) -> Response:
        return _json({"name": "onnxcam", "version": __version__, "extensions": ["binary_tensor_data"]})

    async def _live(self, _: Request) -> Response:
        return _json({"live": True})

    async def _ready(self, _: Request) -> Response:
        if not self._service.is_ready:
            why = "the service ends" if self._service.stops else "the models are being opened and checked"
            return failure(UNAVAILABLE, f"not ready: {why}")
        return _json({"ready": True})

    async def _model(self, request: Request) -> Response:
        model = self._named(request)
        return _json(
            {
                "name": model.name,
                "versions": [VERSION],
                "platform": _PLATFORM,
                "inputs": _described(model.takes),
                "outputs": _described(model.gives),
            }
        )

    async def _model_ready(self, request: Request) -> Response:
        return _json({"name": self._named(request).name, "ready": True})

    async def _infer(self, request: Request) -> Response:
        service, stages = self._service, request.state.stages
        model = self._named(request)
        check_headers(request, service.limits)
        length = json_length(request)
        with service.runs.place():
            deadline = stages.start + service.limits.seconds
            body = await read_body(request, service.limits, deadline, aligned_at=length or 0)
            stages.end("read")
            if service.batches is None:
                answer = await service.runs.run(
                    lambda left: self._alone(model, body, length, left, stages), stages, request.receive
                )
            else:
                answer = await self._coalesced(model, body, length, stages)
        return _of(answer)

    def _alone(self, model: ServedModel, body: memoryview, length: int | None, left: float, stages: Stages) -> Answer:
        inference = read_inference(model, body, length, self._service.limits)
        stages.end("parse")
        outputs = inference.run(left)
        stages.end("run")
        self._service.metrics.images.observe(inference.images)
        answer = inference.answer(outputs)
        stages.end("write")
        return answer

    async def _coalesced(self, model: ServedModel, body: memoryview, length: int | None, stages: Stages) -> Answer:
        service = self._service
        if service.batches is None:
            raise RuntimeError("requests are not coalesced")
        inference = await service.runs.run(lambda _: read_inference(model, body, length, service.limits), stages)
        stages.end("parse")
        outputs = await service.batches.run(inference, stages)
        stages.end("run")
        answer = await service.runs.run(lambda _: inference.answer(outputs), stages)
        stages.end("write")
        return answer

    def _named(self, request: Request) -> ServedModel:
        version = request.path_params.get("version", VERSION)
        model = self._service.model(request.path_params["model"])
        if version != VERSION:
            raise RequestError(NOT_FOUND, f"{model.name} has no version {shortened(repr(version))}; it has {VERSION}")
        return model


def _described(tensors: Iterable[TensorType]) -> list[dict[str, Any]]:
    return [
        {
            "name": tensor.name,
            "datatype": datatype_of(tensor.dtype),
            "shape": [-1 if size is None else size for size in tensor.shape],
        }
        for tensor in tensors
    ]


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type=_JSON)


def _of(answer: Answer) -> Response:
    body, length = answer
    if length is None:
        return Response(body, media_type=_JSON)
    return Response(body, headers={"Inference-Header-Content-Length": str(length)}, media_type=_BINARY)
