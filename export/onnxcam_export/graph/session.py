"""Opens models in ONNX Runtime on the CPU, for checking what was read and what was written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.execution.engine import onnxruntime
from onnxcam_export.graph.files import save

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir
    from onnxruntime import InferenceSession


def open_file(path: Path | str | bytes, *, optimised: bool = True, without: Sequence[str] = ()) -> InferenceSession:
    """A session that prints nothing; an exception has the reason if something fails.

    Its threads do not spin, because several sessions take turns.

    Args:
        path: The model, or its bytes.
        optimised: Whether ONNX Runtime optimises it.
        without: The names of optimisations that are left out.
    """
    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"], disabled_optimizers=list(without)
    )


def open_model(model: ir.Model, *, optimised: bool = True) -> InferenceSession:
    """A session of a model in memory, which may be larger than one protobuf message.

    It computes what the operators say: without the fusion that ``onnxcam_export.prepare.padded_pooling`` describes.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        save(model, path)
        return open_file(path, optimised=optimised, without=["Pad_Fusion"])
