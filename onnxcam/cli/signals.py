"""Ends the command on Ctrl-C and other signals: removes temporary files and prints one line."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from onnxcam.temporary import remove_mine

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "its terminal has gone"}

# Seconds. A run in ONNX Runtime does not notice a signal before it ends, and it may never end.
PATIENCE = 3.0


class Ended(BaseException):
    """A signal asked the process to end. It is not an ``Exception``, so that no handler of errors catches it.

    Attributes:
        number: The signal.
        progress: What was done so far, for the message.
    """

    def __init__(self, number: int) -> None:
        """Keeps the signal's number."""
        super().__init__(number)
        self.number = number
        self.progress = ""

    @property
    def code(self) -> int:
        """The usual exit code: 128 plus the signal's number."""
        return 128 + self.number

    def __str__(self) -> str:
        """The message."""
        return _WORDS[signal.Signals(self.number).name] + (f"; {self.progress}" if self.progress else "")


@contextlib.contextmanager
def ending_signals() -> Iterator[None]:
    """Raises ``Ended`` in the block when a signal asks the process to end; does nothing outside the main thread.

    Signals that are already ignored, as after ``nohup``, stay ignored. After the first signal, others are ignored.

    Raises:
        Ended: A signal came.
    """
    numbers = [number for number in _signals() if signal.getsignal(number) not in {signal.SIG_IGN, None}]
    if threading.current_thread() is not threading.main_thread() or not numbers:
        yield
        return
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        with _impatience(numbers):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """Lets the block handle signals in its own time, for a service that answers its last requests first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)


def _signals() -> list[signal.Signals]:
    return [signal.Signals[name] for name in _WORDS if hasattr(signal, name)]


def _end(number: int, _frame: Any) -> None:
    for other in _signals():
        signal.signal(other, signal.SIG_IGN)
    raise Ended(number)


@contextlib.contextmanager
def _impatience(numbers: list[signal.Signals]) -> Iterator[None]:
    """Ends the process if Python cannot: while the main thread runs a model, Python's signal handlers do not run."""
    if sys.platform == "win32":  # a signal cannot write to a pipe there
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(reader, set(numbers), done), daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        signal.set_wakeup_fd(before)
        os.write(writer, bytes([0]))
        watch.join()
        os.close(writer)
        os.close(reader)


def _watch(reader: int, numbers: set[signal.Signals], done: threading.Event) -> None:
    """Waits for a signal, then for the block to end."""
    while number := os.read(reader, 1)[0]:
        if number in numbers and not done.wait(PATIENCE):
            remove_mine()
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"onnxcam: {Ended(number)}\n")
                sys.stderr.flush()
            os._exit(Ended(number).code)
