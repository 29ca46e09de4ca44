"""Ends a run that takes too long."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from onnxcam.errors import RunTimeoutError
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds without a limited run after which the thread that watches them ends.
_IDLE = 10.0


@contextlib.contextmanager
def ended_after(timeout: float | None, options: Any) -> Iterator[None]:
    """Sets ONNX Runtime's flag for ending a run after some time; the flag is read between the graph's nodes.

    Args:
        timeout: In seconds; None is no limit.
        options: The ``RunOptions`` of the run in the block.

    Raises:
        RunTimeoutError: The time is over before the run begins, or the timeout is not a number.
    """
    seconds = checked_timeout(timeout)
    if seconds == math.inf:
        yield
        return
    if seconds <= 0:
        raise expired()
    run = _watch.add(seconds, options)
    try:
        yield
    finally:
        run.options = None


class _Run:
    """A run with a limit; its options are taken away when it has ended."""

    __slots__ = ("end", "options")

    def __init__(self, end: float, options: Any) -> None:
        self.end, self.options = end, options


class _Watch:
    """One thread that ends the runs of all threads whose time is over.

    A thread for each run, such as ``threading.Timer``, takes 64 microseconds of processor time; this takes 4.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._runs: list[tuple[float, int, _Run]] = []  # a heap, by the end
        self._numbers = itertools.count()
        self._is_running = False

    def add(self, seconds: float, options: Any) -> _Run:
        """Sets the flag of the options after some seconds, unless they are taken out of the run before."""
        run = _Run(time.monotonic() + min(seconds, threading.TIMEOUT_MAX), options)
        with self._changed:
            heapq.heappush(self._runs, (run.end, next(self._numbers), run))
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._end_runs, name="onnxcam-timeouts", daemon=True).start()
            elif self._runs[0][2] is run:
                self._changed.notify()
        return run

    def _end_runs(self) -> None:
        """Ends runs until there has been none for ``_IDLE`` seconds."""
        with self._changed:
            while self._runs or self._changed.wait(_IDLE) or self._runs:
                end, _, run = self._runs[0]
                options, remaining = run.options, end - time.monotonic()
                if options is not None and remaining > 0:
                    self._changed.wait(min(remaining, _IDLE))
                    continue
                heapq.heappop(self._runs)
                if options is not None:
                    options.terminate = True
            self._is_running = False


_watch = _Watch()


def _forget_watch() -> None:
    """Threads do not survive a fork, nor do the runs that they watched."""
    global _watch  # noqa: PLW0603
    _watch = _Watch()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_watch)


def expired() -> RunTimeoutError:
    """The error of a run that took too long."""
    return RunTimeoutError(
        "the run took longer than its timeout, and was ended; allow more time, a lower level or a smaller batch"
    )


def checked_timeout(timeout: Any) -> float:
    """The timeout in seconds, infinity for None.

    Raises:
        RunTimeoutError: It is not a number.
    """
    try:
        seconds = math.inf if timeout is None else float(timeout)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if math.isnan(seconds) or isinstance(timeout, str):
        raise RunTimeoutError(f"the timeout is a number of seconds, not {shortened(repr(timeout))}")
    return seconds
