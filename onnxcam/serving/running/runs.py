"""Runs the work of requests in a few threads, after a queue of limited length."""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from onnxcam.serving.exchange.failures import GONE, UNAVAILABLE, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import Receive

    from onnxcam.serving.exchange.metrics import Metrics
    from onnxcam.serving.exchange.stages import Stages
    from onnxcam.serving.running.limits import Limits

_T = TypeVar("_T")


class Runs:
    """The threads of the service, and the places of requests that run or wait."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        """Starts no thread yet."""
        self._limits, self._metrics = limits, metrics
        self._pool = ThreadPoolExecutor(limits.runs, "onnxcam-run")
        self._places = limits.runs + limits.queue
        self._inside = 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place for a request while its body is read, it waits and it runs.

        Raises:
            RequestError: All places are taken.
        """
        if self._inside >= self._places:
            raise RequestError(
                UNAVAILABLE, f"{self._inside} requests are running or waiting, which is the limit; try again later"
            )
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def run(self, work: Callable[[float], _T], stages: Stages, receive: Receive | None = None) -> _T:
        """Runs some work in a thread, once one is free.

        Args:
            work: Is called with the seconds that the request has left.
            stages: The request's clock.
            receive: Tells whether the client has gone while its request waits; None where nobody asks.

        Returns:
            What the work returns.

        Raises:
            RequestError: The request's time was over, or its client had gone, before a thread was free.
        """
        self._metrics.waiting.inc()
        loop, has_to_wait = asyncio.get_running_loop(), self._inside > self._limits.runs
        watch = loop.create_task(_watch(receive, stages)) if receive is not None and has_to_wait else None
        try:
            return await loop.run_in_executor(self._pool, self._begin, work, stages)
        finally:
            if watch is not None:
                watch.cancel()

    def _begin(self, work: Callable[[float], _T], stages: Stages) -> _T:
        self._metrics.waiting.dec()
        stages.end("wait")
        if stages.is_abandoned:
            raise RequestError(GONE, "the client has gone before its request was run")
        left = stages.start + self._limits.seconds - time.monotonic()
        if left <= 0:
            raise RequestError(UNAVAILABLE, f"no run was free within {self._limits.seconds:g} seconds; try again later")
        self._metrics.running.inc()
        try:
            return work(left)
        finally:
            self._metrics.running.dec()

    def close(self) -> None:
        """Ends the threads, after the work that they have begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)


async def _watch(receive: Receive, stages: Stages) -> None:
    """Notes that the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stages.is_abandoned = True
