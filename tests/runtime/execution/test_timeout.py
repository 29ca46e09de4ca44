import os
import subprocess
import sys
import threading

import pytest

from onnxcam.errors import OnnxCamError, RunTimeoutError
from onnxcam.execution.timeout import ended_after


class Options:
    terminate = False


class Watched(Options):
    def __init__(self) -> None:
        object.__setattr__(self, "ended", threading.Event())

    def __setattr__(self, name: str, value: bool) -> None:
        super().__setattr__(name, value)
        self.ended.set()


def test_the_flag_is_set_when_the_time_is_over():
    options = Watched()
    with ended_after(1e-3, options):
        assert options.ended.wait(60)
    assert options.terminate is True


def test_one_thread_watches_all_runs():
    first, second = Options(), Options()
    with ended_after(3600, first):
        before = threading.active_count()
        with ended_after(1800, second), ended_after(1e30, Options()):
            assert threading.active_count() == before
    assert (first.terminate, second.terminate) == (False, False)


def test_a_run_that_ends_sooner_is_ended_first():
    sooner, later = Watched(), Options()
    with ended_after(3600, later), ended_after(1e-3, sooner):
        assert sooner.ended.wait(60)
    assert later.terminate is False


def test_an_ended_run_is_left_alone():
    ended = Options()
    with pytest.raises(KeyboardInterrupt), ended_after(0.01, ended):
        raise KeyboardInterrupt
    after = Watched()
    with ended_after(0.02, after):
        assert after.ended.wait(60)  # by then the first one's time is over too
    assert ended.terminate is False


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_a_watch_of_its_own():
    code = """if True:
        import os, threading
        from onnxcam.execution.timeout import ended_after
        class Options:
            terminate = False
        with ended_after(3600, Options()):
            child = os.fork()
            if child == 0:
                options = Options()
                with ended_after(0.01, options):
                    while not options.terminate:
                        threading.Event().wait(0.01)
                os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    finished = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "7"


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
