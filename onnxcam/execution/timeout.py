"""Ends a run that takes too long."""

from __future__ import annotations

import contextlib
import math
import threading
from typing import TYPE_CHECKING, Any

from onnxcam.errors import RunTimeoutError
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), setattr, (options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


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
