"""One model that several threads ask at the same time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import onnxruntime

from bench.networks import TARGET, image
from bench.onnx_side import model_path, question, session_options
from bench.timing import summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.configurations import Configuration


def measure(configuration: Configuration, threads: int, seconds: float) -> dict[str, Any]:
    """Requests per second, and how long one took."""
    request = _request(configuration, threads)
    request()
    times: list[float] = []
    together = threading.Barrier(configuration.clients + 1)
    end = 0.0

    def client() -> None:
        together.wait()
        while True:
            start = time.perf_counter()
            if start >= end:
                return
            request()
            times.append(time.perf_counter() - start)

    clients = [threading.Thread(target=client) for _ in range(configuration.clients)]
    for thread in clients:
        thread.start()
    start = time.perf_counter()
    end = start + seconds
    together.wait()
    for thread in clients:
        thread.join()
    return {"seconds": summary(times), "per_second": len(times) / (time.perf_counter() - start)}


def _request(configuration: Configuration, threads: int) -> Callable[[], Any]:
    """A plain session's run, or an explainer's with its maps."""
    if configuration.kind == "plain":
        session = onnxruntime.InferenceSession(
            model_path(configuration), session_options(threads), providers=["CPUExecutionProvider"]
        )
        outputs, feed = question(configuration, session)
        return lambda: session.run(outputs, feed)
    from onnxcam import Explainer

    explainer = Explainer(model_path(configuration), providers=["cpu"], threads=threads)
    x = image(configuration.size, configuration.batch, configuration.precision)
    if configuration.kind == "level0":
        return lambda: explainer.run(x, level=0)
    return lambda: explainer.run(x, TARGET).guided_grad_cam()
