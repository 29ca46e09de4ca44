"""Opens an explainer model in ONNX Runtime, and reads its metadata."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxcam.artifact.adapt import adapt, metadata_of, undamaged
from onnxcam.artifact.external_data import refuse_foreign_data
from onnxcam.artifact.shared_matrices import share_of_shared_matrices
from onnxcam.artifact.source import readable
from onnxcam.contract import METADATA_KEY
from onnxcam.errors import ModelError, ProviderError
from onnxcam.execution.bundled import default_model
from onnxcam.execution.engine import first_line, is_its_own, onnxruntime
from onnxcam.execution.graph_check import check_graph
from onnxcam.execution.providers import CPU, choose_providers
from onnxcam.execution.threads import checked_threads, threads_for_quota
from onnxcam.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxruntime import InferenceSession, SessionOptions

    from onnxcam.artifact.source import ModelSource

# At every load, ONNX Runtime warns that the contract's inputs with defaults are not constants, and it prints the errors
# that its exceptions tell.
_LOG_NOTHING = 4

# What ONNX Runtime 1.20 says of a model in memory with external data. Such a model is opened from its file, and every
# run chooses the level.
_NEEDS_A_PATH = "model_path must not be empty"
_EXTERNAL_DATA_FOLDER = "session.model_external_initializers_file_folder_path"

# Of a model's weights, in matrices that several products read. Without packed copies of them, VGG-16 at level 1 takes
# 596 MiB instead of 1052, and 130 ms instead of 128; at level 2, where it would take a tenth longer, they stay.
_MUCH = 0.5


def open_session(
    model: ModelSource | None = None,
    providers: Sequence[str] | None = None,
    threads: int | None = None,
    *,
    strict: bool = False,
    level: int | None = None,
    spinning: bool = True,
) -> tuple[InferenceSession, Metadata]:
    """Loads an explainer model and reads its metadata.

    Args:
        model: A path, or the bytes of the file; None is the default model.
        providers: Execution providers, see ``onnxcam.execution.providers``.
        threads: The threads of one run; None is one per core, or as many as a container's quota allows.
        strict: Whether all of the providers must work. Otherwise one is enough.
        level: The level to fix the model at, which takes the memory of that level alone; None leaves it to each run.
        spinning: Whether a run's threads spin while they wait for work. One run at a time is quicker with it; several
            at a time take up to twice the processor's time, which other threads then lack.

    Returns:
        The session and the metadata.

    Raises:
        ModelError: The file is missing, empty, corrupt, not an explainer model, or from a newer schema.
        ProviderError: A provider is unknown or cannot be loaded.
    """
    source = readable(default_model() if model is None else model)
    name = "the model" if isinstance(source, bytes) else source
    options = _options(threads, spinning=spinning)
    *others, last = choose_providers(providers, strict=strict)
    refuse_foreign_data(source, name)
    fixed = source if level is None else _fixed(source, name, level, options)
    for chosen in others:
        with contextlib.suppress(ProviderError):
            return _opened(fixed, name, chosen, options)
    try:
        return _opened(fixed, name, last, options)
    except ModelError as error:
        if fixed is source or _NEEDS_A_PATH not in str(error):
            raise
        return _opened(source, name, last, options)


def _opened(
    source: str | bytes, name: str, chosen: list[str], options: SessionOptions
) -> tuple[InferenceSession, Metadata]:
    session = _load(source, name, chosen, options)
    _return_free_memory()
    missing = set(chosen) - set(session.get_providers())
    if missing:
        raise ProviderError(f"{', '.join(sorted(missing))} could not be started with {name}")
    return session, read_metadata(session, name)


def _fixed(source: str | bytes, name: str, level: int, options: SessionOptions) -> str | bytes:
    """The model with its level fixed; as it is where it has none to fix."""
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    with undamaged(name):
        if not metadata_of(data, name).has_level_input:
            return source
    if isinstance(source, str):
        # Bytes lie in no folder; ONNX Runtime looks for external data here.
        options.add_session_config_entry(_EXTERNAL_DATA_FOLDER, str(Path(source).resolve().parent))
    fixed = adapt(data, level=level)
    with undamaged(name):
        if level == 1 and share_of_shared_matrices(fixed) > _MUCH:
            options.add_session_config_entry("session.disable_prepacking", "1")
    return fixed


def read_metadata(session: InferenceSession, name: str = "the model") -> Metadata:
    """Reads the metadata and checks that the graph has the inputs and outputs that it promises.

    Args:
        session: Any ONNX Runtime session.
        name: The model's name, for error messages.

    Returns:
        The metadata.

    Raises:
        ModelError: It is not an explainer model, from a newer schema, or damaged.
    """
    try:
        entry = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if entry is None:
            raise ModelError(
                f"{name} is not an explainer model; make one of it with 'onnxcam export' (pip install onnxcam-export)"
            )
        metadata = Metadata.from_json(entry)
        check_graph(session, metadata, name)
    except UnicodeDecodeError as error:  # in the metadata, or in the name of an input or output
        raise ModelError(
            f"{name} holds text that is not UTF-8, so its metadata or its names are damaged; export the model again "
            "with onnxcam-export"
        ) from error
    return metadata


def _options(threads: int | None, *, spinning: bool = True) -> SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_NOTHING
    # ONNX Runtime would keep a memory plan for each batch size. Without plans, level 2 takes less memory (ResNet-50 421
    # MiB instead of 473, MobileNetV2 149 instead of 183) and 2 % longer.
    options.enable_mem_pattern = False
    count = threads_for_quota() if threads is None else checked_threads(threads)
    if count is not None:
        options.intra_op_num_threads = count
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _load(source: str | bytes, name: str, chosen: list[str], options: Any) -> InferenceSession:
    try:
        # With the fallback, ONNX Runtime would print the error and continue with another provider.
        session = onnxruntime.InferenceSession(source, options, providers=chosen, enable_fallback=0)
    except Exception as error:
        if not is_its_own(error):
            raise
        if chosen[0] != CPU:
            raise ProviderError(f"{name} does not load with {chosen[0]}: {first_line(error)}") from error
        raise ModelError(f"{name} is not a model that ONNX Runtime can load: {first_line(error)}") from error
    if hasattr(session, "_model_bytes"):
        session._model_bytes = None  # noqa: SLF001 — it keeps the file's bytes to load it again, which we never ask for
    return session


def _return_free_memory() -> None:
    """Returns the memory that ONNX Runtime freed after optimising the model to the system.

    The C library of Linux would keep it: with ResNet-50 the process has 381 MiB after this, and 704 MiB without it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # other C libraries than GNU's have no such function
            ctypes.CDLL(None).malloc_trim(0)
