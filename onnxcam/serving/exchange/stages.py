"""The stages of a request, and the time that each took."""

from __future__ import annotations

import time

STAGES = ("read", "wait", "parse", "run", "write")


class Stages:
    """A clock with a hand for each stage: reading the body, waiting for a run, parsing, running, writing the answer.

    Attributes:
        is_abandoned: Whether the client has gone.
        start: When the headers were there, by ``time.monotonic``.
        seconds: The time of each stage that has ended.
    """

    __slots__ = ("_last", "is_abandoned", "seconds", "start")

    def __init__(self) -> None:
        """Starts the clock."""
        self.start = self._last = time.monotonic()
        self.seconds: dict[str, float] = {}
        self.is_abandoned = False

    def end(self, stage: str) -> None:
        """Ends a stage, which began when the one before it ended."""
        now = time.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now

    @property
    def total(self) -> float:
        """The seconds since the start."""
        return time.monotonic() - self.start
