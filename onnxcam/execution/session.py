"""Opening an explainer model in ONNX Runtime."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime

from onnxcam.contract import (
    ACTIVATIONS_PREFIX,
    CLASS_INDEX_OUTPUT,
    GRADIENTS_PREFIX,
    LEVEL_INPUT,
    METADATA_KEY,
    SCORES_OUTPUT,
    TARGET_INPUT,
)
from onnxcam.errors import ModelError, ProviderError
from onnxcam.execution import providers as execution_providers
from onnxcam.execution.bundled import default_model
from onnxcam.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

Model = str | os.PathLike[str] | bytes

# Errors only: of the contract's two inputs with defaults ONNX Runtime warns at every load that they are no constants.
_LOG_ERRORS = 3


def open_session(
    model: Model | None = None, providers: Sequence[str] | None = None, threads: int | None = None
) -> tuple[onnxruntime.InferenceSession, Metadata]:
    """Loads an explainer model and reads what it says about itself.

    Args:
        model: A path, or the bytes of the file; None is the default model.
        providers: Execution providers, see ``onnxcam.execution.providers.choose``.
        threads: For one run's operators; None leaves it to ONNX Runtime, which takes one per core.

    Returns:
        The session and the metadata.

    Raises:
        ModelError: The file is missing, empty, corrupt, not an explainer model, or from a newer schema.
        ProviderError: A provider is unknown or cannot be loaded.
    """
    source = _readable(default_model() if model is None else model)
    name = "the model" if isinstance(source, bytes) else str(source)
    chosen = execution_providers.choose(providers)
    session = _load(source, name, chosen, _options(threads))
    _return_free_memory()
    missing = set(chosen) - set(session.get_providers())
    if missing:
        raise ProviderError(f"{', '.join(sorted(missing))} could not be started with {name}")
    return session, read_metadata(session, name)


def read_metadata(session: onnxruntime.InferenceSession, name: str = "the model") -> Metadata:
    """Reads the metadata and checks that the graph has what it promises.

    Args:
        session: Any ONNX Runtime session.
        name: What to call the model in errors.

    Returns:
        What the model says about itself.

    Raises:
        ModelError: It is not an explainer model, from a newer schema, or damaged.
    """
    entry = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if entry is None:
        raise ModelError(
            f"{name} is not an explainer model; make one of it with 'onnxcam export' (pip install onnxcam-export)"
        )
    metadata = Metadata.from_json(entry)
    present = {value.name for value in (*session.get_inputs(), *session.get_outputs())}
    absent = sorted(_promised(metadata) - present - {value.name for value in session.get_overridable_initializers()})
    if absent:
        raise ModelError(f"{name} lacks {', '.join(absent)}, which its metadata promises; export the model again")
    return metadata


def _promised(metadata: Metadata) -> set[str]:
    """The inputs and outputs that a model with this metadata cannot do without."""
    names = {metadata.image.name, TARGET_INPUT, SCORES_OUTPUT, CLASS_INDEX_OUTPUT}
    for layer in metadata.layers:
        names |= {ACTIVATIONS_PREFIX + layer.name, GRADIENTS_PREFIX + layer.name}
    return names if metadata.flat else names | {LEVEL_INPUT}


def _readable(model: Model) -> str | bytes:
    """Says in words what ONNX Runtime would say in its own."""
    if isinstance(model, bytes):
        if not model:
            raise ModelError("the model is empty")
        return model
    path = Path(model)
    if path.is_dir():
        raise ModelError(f"{path} is a folder, not an ONNX model")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise ModelError(f"there is no model {path}") from None
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror or error}") from error
    if empty:
        raise ModelError(f"the model {path} is empty")
    return str(path)


def _options(threads: int | None) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS
    # A memory plan would be kept for each size of batch. Without, level 2 takes 5 to 25 % less memory, and 2 % longer.
    options.enable_mem_pattern = False
    if threads is not None:
        if threads < 1:
            raise ProviderError(f"threads must be at least 1, not {threads}")
        options.intra_op_num_threads = threads
    return options


def _load(source: str | bytes, name: str, chosen: list[str], options: Any) -> onnxruntime.InferenceSession:
    try:
        # With the fallback, ONNX Runtime would print the error and quietly go on with another provider.
        return onnxruntime.InferenceSession(source, options, providers=chosen, enable_fallback=0)
    except Exception as error:  # its exception classes have no common base, and differ from release to release
        if chosen[0] != execution_providers.CPU:
            raise ProviderError(f"{name} does not load with {chosen[0]}: {first_line(error)}") from error
        raise ModelError(f"{name} is not a model that ONNX Runtime can load: {first_line(error)}") from error


def _return_free_memory() -> None:
    """Gives the system back what ONNX Runtime needed to optimise the model, and freed.

    The C library of Linux keeps it for later, for ResNet-50 as much again as the session needs (docs/performance.md).
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # other C libraries than GNU's have no such function
            ctypes.CDLL(None).malloc_trim(0)


def first_line(error: Exception) -> str:
    """What ONNX Runtime says first, without its error code; the rest is its own call stack."""
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    return line.split(" : ", 3)[-1] if line.startswith("[ONNXRuntimeError]") else line
