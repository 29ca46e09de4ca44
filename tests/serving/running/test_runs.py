import asyncio
import threading

import pytest

from onnxcam.serving.exchange.failures import RequestError
from onnxcam.serving.exchange.metrics import Metrics
from onnxcam.serving.exchange.stages import Stages
from onnxcam.serving.running.limits import Limits
from onnxcam.serving.running.runs import Runs


@pytest.fixture
def runs():
    made = Runs(Limits(runs=1, queue=1, seconds=60), Metrics())
    yield made
    made.close()


def test_more_requests_than_places_are_refused(runs):
    with runs.place(), runs.place():
        with pytest.raises(RequestError, match="2 requests are running or waiting, which is the limit") as caught:
            runs.place().__enter__()
        assert caught.value.status == 503
    with runs.place():
        pass


def test_a_place_is_free_again_after_a_failure(runs):
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), runs.place():
            raise ZeroDivisionError


def test_work_gets_the_time_that_is_left(runs):
    assert 0 < asyncio.run(runs.run(lambda left: left, Stages())) <= 60


def test_a_request_whose_time_is_over_is_not_run(runs):
    stages = Stages()
    stages.start -= 61
    ran = threading.Event()
    with pytest.raises(RequestError, match="no run was free within 60 seconds; try again later") as caught:
        asyncio.run(runs.run(lambda _: ran.set(), stages))
    assert caught.value.status == 503
    assert not ran.is_set()


def test_as_many_run_at_a_time_as_are_allowed():
    runs, both = Runs(Limits(runs=2), Metrics()), threading.Barrier(2)

    async def together() -> list[int]:
        return await asyncio.gather(*(runs.run(lambda _: both.wait(60), Stages()) for _ in range(2)))

    assert sorted(asyncio.run(together())) == [0, 1]
    runs.close()


def test_a_request_whose_client_has_gone_is_not_run(runs):
    begin, ran = threading.Event(), threading.Event()

    async def ask() -> None:
        left = asyncio.Event()

        async def leave() -> dict[str, str]:
            left.set()
            return {"type": "http.disconnect"}

        with runs.place(), runs.place():
            first = asyncio.ensure_future(runs.run(lambda _: begin.wait(60), Stages()))
            second = asyncio.ensure_future(runs.run(lambda _: ran.set(), Stages(), leave))
            await left.wait()
            begin.set()
            assert await first
            await second

    with pytest.raises(RequestError, match="the client has gone before its request was run") as caught:
        asyncio.run(ask())
    assert caught.value.status == 499
    assert not ran.is_set()


def test_a_client_that_stays_is_answered(runs):
    async def stay() -> dict[str, str]:
        return await asyncio.Future()

    async def ask() -> int:
        with runs.place(), runs.place():
            return await runs.run(lambda _: 7, Stages(), stay)

    assert asyncio.run(ask()) == 7
