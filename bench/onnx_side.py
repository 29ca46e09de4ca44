"""The plain model and the artifact in ONNX Runtime, with a plain session or an ``Explainer``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnxruntime

from bench.configurations import FIXED
from bench.exports import export_path
from bench.networks import TARGET, image

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.configurations import Configuration
    from onnxcam.levels import Level

# What is repeated, and figures that are known before the first run.
Prepared = tuple["Callable[[], Any]", dict[str, Any]]


def prepare(configuration: Configuration, threads: int) -> Prepared:
    """A run of the configuration's export, in a plain session or, for ``memory:…``, as the runtime opens it."""
    if configuration.kind.startswith("memory:"):
        return _prepare_for_memory(configuration, threads)
    path = export_path(configuration)
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(path, session_options(threads), providers=["CPUExecutionProvider"])
    facts = {"creation": time.perf_counter() - start, "bytes": path.stat().st_size}
    outputs, feed = request(configuration, session)
    return lambda: session.run(outputs, feed), facts


def _prepare_for_memory(configuration: Configuration, threads: int) -> Prepared:
    """An ``Explainer``, or the plain model opened in its way; ``memory:bare`` is this process without a model."""
    from onnxcam import Explainer

    path, kind = export_path(configuration), configuration.kind.removeprefix("memory:")
    if kind == "bare":
        return lambda: None, {}
    x, level = image(configuration.size, configuration.batch, configuration.precision), _level(configuration)
    start = time.perf_counter()
    if kind == "plain":
        session = _open_as_explainer(str(path), threads)
        feed = {session.get_inputs()[0].name: x}
        return lambda: session.run(None, feed), {"creation": time.perf_counter() - start}
    explainer = Explainer(path, providers=["cpu"], threads=threads, level=level if kind in FIXED else None)
    return lambda: explainer.run(x, level=level), {"creation": time.perf_counter() - start}


def _open_as_explainer(path: str, threads: int) -> onnxruntime.InferenceSession:
    from onnxcam.execution import session

    opened = session._load(path, path, ["CPUExecutionProvider"], session._options(threads))  # noqa: SLF001  just its way
    session._return_free_memory()  # noqa: SLF001
    return opened


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """ONNX Runtime's defaults, with a fixed number of threads."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return options


def request(
    configuration: Configuration, session: onnxruntime.InferenceSession
) -> tuple[list[str], dict[str, np.ndarray[Any, Any]]]:
    """The outputs to fetch and the inputs to feed; at level 0 those of a caller who does not know of onnxcam."""
    names = [value.name for value in session.get_outputs()]
    feed = {session.get_inputs()[0].name: image(configuration.size, configuration.batch, configuration.precision)}
    if configuration.kind in {"plain", "level0"}:
        return [name for name in names if not name.startswith("onnxcam.")], feed
    feed["onnxcam.target"] = np.arange(TARGET, TARGET + configuration.targets)
    if configuration.kind != "flat":
        feed["onnxcam.level"] = np.array(_level(configuration))
    added = [name for name in names if name.startswith("onnxcam.")]
    return [name for name in added if configuration.kind != "level1" or "guided" not in name], feed


def _level(configuration: Configuration) -> Level:
    """The level in the last letter of the kind; 0 for the plain model."""
    last = configuration.kind[-1]
    return cast("Level", int(last) if last.isdigit() else 0)
