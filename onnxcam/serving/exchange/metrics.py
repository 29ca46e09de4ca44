"""The figures for Prometheus: requests, errors, latency by stage, the queue, and the sizes of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

from onnxcam.serving.exchange.stages import STAGES

if TYPE_CHECKING:
    from onnxcam.serving.exchange.stages import Stages

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_IMAGES = (1, 2, 4, 8, 16, 32, 64)
_FIRST_ERROR, _FIRST_OF_SERVICE = 400, 500


class Metrics:
    """The figures of one service, in a registry of their own.

    Attributes:
        waiting: The requests that wait for a run.
        running: The runs at this moment.
        images: The images of each run.
    """

    def __init__(self) -> None:
        """Makes the figures, all zero."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        registry = self._registry
        self._requests = Counter(
            "onnxcam_requests", "Requests that were answered.", ("route", "model", "status"), registry=registry
        )
        self._errors = Counter(
            "onnxcam_errors", "Requests that were refused or failed.", ("route", "model", "cause"), registry=registry
        )
        self._seconds = Histogram(
            "onnxcam_request_seconds", "Headers to answer.", ("route",), buckets=_SECONDS, registry=registry
        )
        stages = Histogram(
            "onnxcam_stage_seconds", "Stages of requests.", ("stage",), buckets=_SECONDS, registry=registry
        )
        self._stages = {stage: stages.labels(stage) for stage in STAGES}
        self.waiting = Gauge("onnxcam_waiting_requests", "Requests that wait for a run.", registry=registry)
        self.running = Gauge("onnxcam_running", "Runs at this moment.", registry=registry)
        self.images = Histogram("onnxcam_run_images", "Images of each run.", buckets=_IMAGES, registry=registry)

    def count(self, route: str, model: str, status: int, stages: Stages) -> None:
        """Counts a request.

        Args:
            route: Its route; one of a few.
            model: The name of its model, empty if it is for none that there is.
            status: The HTTP status of the answer.
            stages: Its times.
        """
        self._requests.labels(route, model, status).inc()
        if status >= _FIRST_ERROR:
            self._errors.labels(route, model, "client" if status < _FIRST_OF_SERVICE else "service").inc()
        self._seconds.labels(route).observe(stages.total)
        for stage, seconds in stages.seconds.items():
            self._stages[stage].observe(seconds)

    def text(self) -> bytes:
        """All figures, as Prometheus reads them."""
        return generate_latest(self._registry)
