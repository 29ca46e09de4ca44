"""OpenVINO on the CPU, in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openvino

from bench.portability.measure import main

if TYPE_CHECKING:
    from bench.portability.measure import Run


def opened(path: str) -> Run:
    """Compiles a model for one thread."""
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    model = openvino.Core().compile_model(path, "CPU", settings)
    known = {name for value in model.inputs for name in value.names}

    def run(feeds: Any) -> Any:
        results = model({name: value for name, value in feeds.items() if name in known})
        return {name: results[value] for value in model.outputs for name in value.names}

    return run


main(openvino.__version__.partition("-")[0], opened)
