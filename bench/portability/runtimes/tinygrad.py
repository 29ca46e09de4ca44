"""tinygrad on the CPU."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from tinygrad import Tensor
from tinygrad.nn.onnx import OnnxRunner

from bench.portability.measure import main

if TYPE_CHECKING:
    from bench.portability.measure import Run


def opened(path: str) -> Run:
    """Opens a model."""
    runner: Any = OnnxRunner(path)

    def run(feeds: Any) -> Any:
        given = {name: Tensor(value) for name, value in feeds.items() if name in runner.graph_inputs}
        return {name: value.numpy() for name, value in runner(given).items()}

    return run


main(metadata.version("tinygrad"), opened)
