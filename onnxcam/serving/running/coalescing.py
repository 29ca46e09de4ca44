"""Runs requests of several clients as one batch, where they ask for the same outputs of the same model.

What waits for a run is run together, so that nobody waits for a batch to fill while a run is free. It pays on GPUs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.contract import TARGET_INPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.serving.exchange.metrics import Metrics
    from onnxcam.serving.exchange.stages import Stages
    from onnxcam.serving.protocol.checks import Feed
    from onnxcam.serving.protocol.inference import Inference
    from onnxcam.serving.running.runs import Runs

    Key = tuple[Any, ...]


class _Item:
    """A request that waits for its batch."""

    __slots__ = ("future", "inference", "stages")

    def __init__(self, inference: Inference, stages: Stages) -> None:
        self.inference, self.stages = inference, stages
        self.future: asyncio.Future[Feed] = asyncio.get_running_loop().create_future()


class Batches:
    """The batches that are being gathered."""

    def __init__(self, runs: Runs, metrics: Metrics, *, most: int, wait: float, at_once: int) -> None:
        """Gathers nothing yet.

        Args:
            runs: The threads that run batches.
            metrics: Where the sizes are counted.
            most: The most images of a batch.
            wait: Seconds that the first request of a batch waits for others, even if a run is free.
            at_once: The batches that run at a time.
        """
        self._runs, self._metrics, self._most, self._wait = runs, metrics, most, wait
        self._free = asyncio.Semaphore(at_once)
        self._gathered: dict[Key, list[_Item]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, inference: Inference, stages: Stages) -> Feed:
        """Runs a request, with others or alone.

        Raises:
            OnnxCamError: As the run of the batch raises.
        """
        key, item = _key(inference), _Item(inference, stages)
        gathered = self._gathered.setdefault(key, [])
        gathered.append(item)
        if len(gathered) == 1:
            self._start(key)
        return await item.future

    def _start(self, key: Key) -> None:
        task = asyncio.get_running_loop().create_task(self._gather(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _gather(self, key: Key) -> None:
        if self._wait:
            await asyncio.sleep(self._wait)
        async with self._free:
            gathered = self._gathered.pop(key)
            batch = [gathered.pop(0)]
            while gathered and sum(item.inference.images for item in (*batch, gathered[0])) <= self._most:
                batch.append(gathered.pop(0))
            if gathered:
                self._gathered[key] = gathered
                self._start(key)
            await self._run(batch)

    async def _run(self, batch: Sequence[_Item]) -> None:
        inferences = [item.inference for item in batch]
        try:
            results = await self._runs.run(lambda left: _together(inferences, left), batch[0].stages)
        except Exception as error:  # noqa: BLE001  it is raised in each request
            for item in batch:
                item.future.set_exception(error)
            return
        self._metrics.images.observe(sum(item.inference.images for item in batch))
        for item, outputs in zip(batch, results, strict=True):
            if not item.future.done():
                item.future.set_result(outputs)


def joins(inference: Inference) -> bool:
    """Whether a request can be a part of a batch: one row for each image, and no other inputs."""
    metadata = inference.model.metadata
    known = {metadata.image.name, TARGET_INPUT}
    return metadata.image.batch is None and inference.rows == inference.images and known >= inference.feed.keys()


def _key(inference: Inference) -> Key:
    if not joins(inference):
        return (id(inference),)
    return (inference.model.name, inference.level, *inference.names)


def _together(inferences: Sequence[Inference], timeout: float) -> list[Feed]:
    """The outputs of each request, from one run."""
    first = inferences[0]
    if len(inferences) == 1:
        return [first.run(timeout)]
    counts = [inference.images for inference in inferences]
    feed = {
        name: np.concatenate([_rows(inference.feed[name], inference.images) for inference in inferences])
        for name in first.feed
    }
    outputs = first.with_feed(feed).run(timeout)
    if any(len(values) not in {0, sum(counts)} for values in outputs.values()):
        return [inference.run(timeout) for inference in inferences]  # an output that has no row for each image
    ends = np.cumsum(counts).tolist()
    return [
        {name: values[end - count : end] for name, values in outputs.items()}
        for end, count in zip(ends, counts, strict=True)
    ]


def _rows(values: Any, images: int) -> Any:
    """One row for each image; a single target is for all."""
    return np.repeat(values, images, axis=0) if len(values) == 1 < images else values
