"""MNN, after its converter."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import MNN
import numpy as np

from bench.portability.measure import main

if TYPE_CHECKING:
    from bench.portability.measure import Run


def opened(path: str) -> Run:
    """Converts a model and opens it with one thread."""
    interpreter = MNN.Interpreter(str(_converted(path)))
    session = interpreter.createSession({"numThread": 1})
    inputs = interpreter.getSessionInputAll(session)

    def run(feeds: Any) -> Any:
        given = {name: value for name, value in feeds.items() if name in inputs}
        for name, value in given.items():
            interpreter.resizeTensor(inputs[name], value.shape)
        interpreter.resizeSession(session)
        for name, value in given.items():
            inputs[name].copyFrom(_tensor(value))
        interpreter.runSession(session)
        outputs = interpreter.getSessionOutputAll(session)
        return {name: np.array(value.getNumpyData()) for name, value in outputs.items()}

    return run


def _converted(path: str) -> Path:
    """The model in MNN's format.

    Raises:
        RuntimeError: The converter failed.
    """
    output = Path(tempfile.mkdtemp()) / "model.mnn"
    converter = Path(sys.executable).with_name("mnnconvert")
    command = [str(converter), "-f", "ONNX", "--modelFile", path, "--MNNModel", str(output), "--bizCode", "bench"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode or not output.exists():
        raise RuntimeError(f"mnnconvert ends with {ended.returncode}")
    return output


def _tensor(value: Any) -> Any:
    kind = MNN.Halide_Type_Float if value.dtype == np.float32 else MNN.Halide_Type_Int
    value = value if value.dtype == np.float32 else value.astype(np.int32)
    return MNN.Tensor(value.shape, kind, value, MNN.Tensor_DimensionType_Caffe)


main(metadata.version("mnn"), opened)
