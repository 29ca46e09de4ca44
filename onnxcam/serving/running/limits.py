"""The limits of the service."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take, and how many may be there at once.

    The bodies of the requests that run or wait take at most ``(runs + queue) * body`` bytes.

    Attributes:
        body: The largest body, in bytes.
        pixels: The largest picture, in pixels.
        rows: The most images of a request, and the most rows that it explains.
        queue: The most requests that wait for a run.
        seconds: The longest time from a request's headers to its answer.
        runs: The most runs at a time.
    """

    body: int = 16 * MIB
    pixels: int = 25_000_000
    rows: int = 16
    queue: int = 32
    seconds: float = 10.0
    runs: int = 2
