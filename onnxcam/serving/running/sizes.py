"""How many runs there are at a time, and how many threads each has."""

from __future__ import annotations

from onnxcam.execution.threads import processors

# Runs of one thread give the most answers a second, runs of many threads the soonest one. Up to four processors it is
# the former; with more, four runs share them.
_MOST_RUNS = 4


def default_runs() -> int:
    """The runs at a time where the operator says nothing."""
    return min(_MOST_RUNS, processors())


def default_threads(runs: int) -> int:
    """The threads of each run where the operator says nothing: all processors are used, and none twice.

    Args:
        runs: The runs at a time.
    """
    return max(1, processors() // runs)
