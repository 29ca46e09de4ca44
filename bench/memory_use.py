"""The memory of an ``Explainer``, which returns to the system what a session alone leaves to the C library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from bench.exports import export_path
from bench.networks import image
from bench.timing import memory
from onnxcam import Explainer

if TYPE_CHECKING:
    from bench.configurations import Configuration

_RUNS = 5


def measure(configuration: Configuration, threads: int) -> dict[str, Any]:
    """The memory of this process after a few runs."""
    explainer = Explainer(export_path(configuration), providers=["cpu"], threads=threads)
    level: Literal[0, 2] = 2 if configuration.kind == "memory:level2" else 0
    x = image(configuration.size, configuration.batch, configuration.precision)
    for _ in range(_RUNS):
        explainer.run(x, level=level)
    return memory()
