import threading

import pytest

from onnxcam.errors import OnnxCamError, RunTimeoutError
from onnxcam.execution.timeout import ended_after


class Options:
    terminate = False


def test_the_flag_is_set_when_the_time_is_over():
    flag = threading.Event()

    class Watched(Options):
        def __setattr__(self, name: str, value: bool) -> None:
            super().__setattr__(name, value)
            flag.set()

    options = Watched()
    with ended_after(1e-3, options):
        assert flag.wait(60)
    assert options.terminate is True


def test_no_timer_outlives_its_run():
    before = threading.active_count()
    options = Options()
    with ended_after(3600, options):
        assert threading.active_count() == before + 1
    with pytest.raises(KeyboardInterrupt), ended_after(1e30, options):
        raise KeyboardInterrupt
    for timer in threading.enumerate():
        if isinstance(timer, threading.Timer):
            timer.join(60)
    assert threading.active_count() == before
    assert options.terminate is False


@pytest.mark.parametrize("timeout", [None, float("inf")])
def test_without_a_limit_there_is_no_timer(timeout):
    before = threading.active_count()
    with ended_after(timeout, Options()):
        assert threading.active_count() == before


@pytest.mark.parametrize("timeout", [0, -1.5])
def test_time_that_is_over_already(timeout):
    with (
        pytest.raises(RunTimeoutError, match="the run took longer than its timeout, and was ended"),
        ended_after(timeout, Options()),
    ):
        pytest.fail("it ran")


@pytest.mark.parametrize("timeout", ["5", float("nan"), [], 10**400])
def test_what_is_no_number_of_seconds(timeout):
    with (
        pytest.raises(RunTimeoutError, match="the timeout is a number of seconds, not"),
        ended_after(timeout, Options()),
    ):
        pytest.fail("it ran")


def test_it_is_both_kinds_of_error():
    assert issubclass(RunTimeoutError, TimeoutError)
    assert issubclass(RunTimeoutError, OnnxCamError)
