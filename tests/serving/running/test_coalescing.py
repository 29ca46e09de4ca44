import asyncio
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from onnxcam.errors import ModelError
from onnxcam.serving.exchange.metrics import Metrics
from onnxcam.serving.exchange.stages import Stages
from onnxcam.serving.models import Opening, ServedModel
from onnxcam.serving.protocol.inference import read_inference
from onnxcam.serving.running.coalescing import Batches, joins
from onnxcam.serving.running.limits import Limits
from onnxcam.serving.running.runs import Runs

LIMITS = Limits(runs=1)


@pytest.fixture(scope="module")
def toy(data):
    return ServedModel("toy", data / "toy.onnx", Opening(["cpu"], threads=1))


def request(model: ServedModel, images: Any, output: str = "onnxcam.guided_gradients", target: Any = None) -> Any:
    inputs = [{"name": "input", "shape": images.shape, "datatype": "FP32", "data": images.tolist()}]
    if target is not None:
        inputs.append({"name": "onnxcam.target", "shape": [len(target)], "datatype": "INT64", "data": target})
    body = json.dumps({"inputs": inputs, "outputs": [{"name": output}]}).encode()
    return read_inference(model, memoryview(body), None, LIMITS)


def images(count: int, seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=(count, 1, 4, 4)).astype(np.float32)


def run_all(requests: list[Any], most: int) -> tuple[list[Any], list[int]]:
    """The outputs of requests that come at once, and the sizes of the runs."""
    metrics, sizes = Metrics(), []
    metrics.images = SimpleNamespace(observe=sizes.append)
    runs = Runs(LIMITS, metrics)

    async def ask() -> list[Any]:
        batches = Batches(runs, metrics, most=most, wait=0.0, at_once=1)
        return await asyncio.gather(*(batches.run(one, Stages()) for one in requests), return_exceptions=True)

    try:
        return asyncio.run(ask()), sizes
    finally:
        runs.close()


def test_each_request_gets_the_rows_of_its_own_images(toy):
    requests = [
        request(toy, images(1, 0), target=[3]),
        request(toy, images(2, 1), target=[0, 2]),
        request(toy, images(3, 2), target=[1]),
        request(toy, images(1, 3)),
    ]
    found, sizes = run_all(requests, most=8)
    assert sizes == [7]
    for one, outputs in zip(requests, found, strict=True):
        alone = one.run(60)
        np.testing.assert_allclose(outputs["onnxcam.guided_gradients"], alone["onnxcam.guided_gradients"], rtol=1e-6)


def test_a_batch_is_no_larger_than_allowed_and_the_rest_is_run_next(toy):
    _, sizes = run_all([request(toy, images(2, seed), target=[0]) for seed in range(5)], most=4)
    assert sizes == [4, 4, 2]


def test_requests_for_other_outputs_and_levels_are_not_mixed(toy):
    requests = [request(toy, images(1, 0), output) for output in ("output", "onnxcam.scores", "output")]
    found, sizes = run_all(requests, most=8)
    assert sorted(sizes) == [1, 2]
    assert [list(outputs) for outputs in found] == [["output"], ["onnxcam.scores"], ["output"]]


def test_what_is_run_alone(toy):
    assert joins(request(toy, images(2, 0), target=[0, 1]))
    assert joins(request(toy, images(2, 0)))
    assert not joins(request(toy, images(1, 0), target=[0, 1]))
    found, sizes = run_all([request(toy, images(1, seed), target=[0, 1]) for seed in range(2)], most=8)
    assert sizes == [1, 1]
    assert [len(outputs["onnxcam.guided_gradients"]) for outputs in found] == [2, 2]


def test_outputs_without_rows_stay_so(toy):
    found, _ = run_all([request(toy, images(1, seed), "onnxcam.class_index") for seed in range(3)], most=8)
    assert [outputs["onnxcam.class_index"].shape for outputs in found] == [(1,)] * 3


def test_an_error_reaches_every_request_of_the_batch(toy, monkeypatch):
    def broken(*_: Any) -> None:
        raise ModelError("it cannot be run")

    monkeypatch.setattr(toy, "at", broken)
    found, _ = run_all([request(toy, images(1, seed)) for seed in range(3)], most=8)
    assert [str(error) for error in found] == ["it cannot be run"] * 3
