"""tract, for Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import tract

from bench.portability.measure import main

if TYPE_CHECKING:
    from bench.portability.measure import Run

_TYPES = {"float32": "f32", "int64": "i64"}


def opened(path: str) -> Run:
    """Opens a model; its sizes are fixed at the first run, since tract optimises for them."""
    model: Any = tract.onnx().load(path)
    inputs = [model.input_name(number) for number in range(model.input_count())]
    outputs = [value.name for value in onnx.load(path).graph.output]  # tract knows those of the nodes before them
    ready: list[Any] = []

    def run(feeds: Any) -> Any:
        if not ready:
            for number, name in enumerate(inputs):
                fact = ",".join([*map(str, feeds[name].shape), _TYPES[feeds[name].dtype.name]])
                model.set_input_fact(number, fact)
            ready.append(model.into_model().into_runnable())
        results = ready[0].run([feeds[name] for name in inputs])
        return dict(zip(outputs, [result.to_numpy() for result in results], strict=True))

    return run


main(tract.version(), opened)
