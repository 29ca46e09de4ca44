"""Tools that rewrite a model, which ONNX Runtime then runs: ``simplified TOOL …``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from bench.portability.measure import main
from bench.portability.runtimes.onnx_runtime import opened

if TYPE_CHECKING:
    from bench.portability.measure import Run

_TOOL = sys.argv[1]


def simplified(path: str) -> Run:
    """Runs the tool on a model, and opens what it writes.

    Raises:
        RuntimeError: The tool failed.
    """
    output = Path(tempfile.mkdtemp()) / "model.onnx"
    if _TOOL == "onnxoptimizer":
        import onnxoptimizer

        passes = onnxoptimizer.get_fuse_and_elimination_passes()
        onnx.save(onnxoptimizer.optimize(onnx.load(path), passes), output)
    else:
        command = [sys.executable, "-m", _TOOL, path, str(output)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode or not output.exists():
            raise RuntimeError(f"the tool ends with {ended.returncode}")
    return opened(str(output))


main(metadata.version(_TOOL), simplified)
