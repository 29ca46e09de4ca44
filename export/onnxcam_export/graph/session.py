"""Opens models in ONNX Runtime on the CPU, for checking what was read and what was written."""

from __future__ import annotations

import contextlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxcam.execution.engine import onnxruntime
from onnxcam_export.errors import ExportError, SourceError
from onnxcam_export.graph.files import save

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import onnx_ir as ir
    from onnxruntime import InferenceSession, NodeArg


@dataclass(frozen=True, slots=True)
class Failure:
    """The error of a model that ONNX Runtime cannot open or run.

    Attributes:
        what: The beginning of the message, before the reason.
        advice: The end.
        kind: The type of the error.
    """

    what: str
    advice: str
    kind: type[ExportError] = ExportError


ORIGINAL = Failure("ONNX Runtime cannot run the original", "give a model that it runs", SourceError)
CHECK = Failure(
    "ONNX Runtime cannot run a model that checks the gradients",
    "write the model without the check with verify=False (--no-verify), and please report it with the model",
)
_REASON = 300  # characters
_OPENING = re.compile(r"^Load model from \S* ?failed: ?")  # with the path of a temporary file


class Session:
    """A model in ONNX Runtime; what it cannot open or run is an ``ExportError``."""

    def __init__(self, path: Path, failure: Failure, *, optimised: bool = True) -> None:
        """Opens a model.

        It computes what the operators say: without the fusion that ``onnxcam_export.prepare.padded_pooling`` describes.

        Args:
            path: The model.
            failure: The error if it cannot be opened or run.
            optimised: Whether ONNX Runtime optimises it.
        """
        self._failure = failure
        with self._explained():
            self._session = open_file(path, optimised=optimised, without=["Pad_Fusion"])

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs for the inputs, which are named."""
        with self._explained():
            return list(self._session.run(list(outputs), dict(inputs)))

    def get_inputs(self) -> list[NodeArg]:
        """The inputs."""
        return list(self._session.get_inputs())

    def get_outputs(self) -> list[NodeArg]:
        """The outputs."""
        return list(self._session.get_outputs())

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            reason = _OPENING.sub("", " ".join(str(error).split()).split(" : ", 3)[-1])
            if "bad_alloc" in reason:
                raise ExportError("there is not enough memory to run the model in ONNX Runtime") from error
            failure = self._failure
            raise failure.kind(f"{failure.what}: {reason[:_REASON]}; {failure.advice}") from error


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


def open_model(model: ir.Model, failure: Failure = CHECK, *, optimised: bool = True) -> Session:
    """A session of a model in memory, which may be larger than one protobuf message.

    Raises:
        ExportError: ONNX Runtime cannot open it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        save(model, path)
        return Session(path, failure, optimised=optimised)
