from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from onnxcam.serving.application import application
from onnxcam.serving.exchange.logs import Log
from onnxcam.serving.models import Opening
from onnxcam.serving.running.limits import Limits
from onnxcam.serving.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = Path(__file__).parent.parent / "data"
CPU = Opening(["cpu"], threads=1)


@pytest.fixture(scope="session")
def data() -> Path:
    return DATA


@pytest.fixture(scope="session")
def models() -> dict[str, Path]:
    return {"pooled": DATA / "pooled.onnx", "toy": DATA / "toy.onnx", "flat": DATA / "flat.onnx"}


@pytest.fixture
def made(models: dict[str, Path]) -> Iterator[Callable[..., Service]]:
    """``made(token=…)``: an open service of the three models, whose log is ``service.log.lines``."""
    services: list[Service] = []

    def make(paths: dict[str, Path] | None = None, *, is_open: bool = True, **fields: Any) -> Service:
        log = Log(io.StringIO())
        fields = {"opening": CPU, "limits": Limits(runs=2), "log": log} | fields
        services.append(Service(paths or models, **fields))
        if is_open:
            services[-1].open()
        return services[-1]

    yield make
    for service in services:
        service.runs.close()


@pytest.fixture
def client(made: Callable[..., Service]) -> Iterator[TestClient]:
    with TestClient(application(made())) as client:
        yield client
