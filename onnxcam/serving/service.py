"""The service as a whole: its models, limits, queue, figures and log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnxcam.serving.exchange.failures import NOT_FOUND, UNAVAILABLE, RequestError
from onnxcam.serving.exchange.logs import Log
from onnxcam.serving.exchange.metrics import Metrics
from onnxcam.serving.models import Opening, ServedModel
from onnxcam.serving.running.coalescing import Batches
from onnxcam.serving.running.limits import Limits
from onnxcam.serving.running.runs import Runs
from onnxcam.text import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Coalescing:
    """How requests are run together.

    Attributes:
        images: The most images of a batch; 1 runs each request alone.
        wait: Seconds that the first request of a batch waits for others.
    """

    images: int = 1
    wait: float = 0.0


@dataclass(slots=True)
class Service:
    """A service.

    Attributes:
        paths: The models' files by name; the first is the one of ``/explain``.
        opening: How they are opened.
        limits: The limits of requests.
        token: What clients must send; None is nothing.
        coalescing: Whether requests are run together.
        log: The log.
        metrics: The figures.
        models: The models that are open.
        runs: The threads.
        batches: The batches that are gathered; None where each request is run alone.
        stops: Whether the service is about to end.
    """

    paths: Mapping[str, Path]
    opening: Opening = field(default_factory=Opening)
    limits: Limits = field(default_factory=Limits)
    token: str | None = None
    coalescing: Coalescing = field(default_factory=Coalescing)
    log: Log = field(default_factory=Log)
    metrics: Metrics = field(default_factory=Metrics)
    models: dict[str, ServedModel] = field(default_factory=dict)
    runs: Runs = field(init=False)
    batches: Batches | None = field(init=False, default=None)
    stops: bool = False

    def __post_init__(self) -> None:
        """Makes the queue."""
        self.runs = Runs(self.limits, self.metrics)
        if self.coalescing.images > 1:
            self.batches = Batches(
                self.runs,
                self.metrics,
                most=self.coalescing.images,
                wait=self.coalescing.wait,
                at_once=self.limits.runs,
            )

    def open(self) -> None:
        """Opens and checks the models; the service is ready afterwards.

        Raises:
            OnnxCamError: As in ``ServedModel``.
        """
        models = {name: ServedModel(name, path, self.opening) for name, path in self.paths.items()}
        self.models.update(models)
        for name, model in models.items():
            self.log.event("opened", model=name, summary=model.metadata.summary, checked=self.opening.checked)

    @property
    def is_ready(self) -> bool:
        """Whether all models are open and checked, and the service does not end."""
        return bool(self.models) and not self.stops

    def model(self, name: str | None) -> ServedModel:
        """The model of a name; None is the first.

        Raises:
            RequestError: There is none, or the models are not open yet.
        """
        if not self.models:
            raise RequestError(UNAVAILABLE, "the models are being opened and checked; try again later")
        if name is None:
            return next(iter(self.models.values()))
        if name not in self.models:
            raise RequestError(NOT_FOUND, f"there is no model {shortened(repr(name))}; there are {listed(self.models)}")
        return self.models[name]
