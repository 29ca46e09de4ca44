"""The plain model and the artifact in ONNX Runtime, with a plain session or an ``Explainer``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from bench.exports import export_path
from bench.networks import TARGET, image

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.configurations import Configuration

# What is repeated, and figures that are known before the first run.
Prepared = tuple["Callable[[], Any]", dict[str, Any]]


def prepare(configuration: Configuration, threads: int) -> Prepared:
    """A run of the configuration's export; ``memory:level2`` runs it in an ``Explainer``, which frees memory."""
    path = export_path(configuration)
    if configuration.kind.startswith("memory:"):
        from onnxcam import Explainer

        explainer = Explainer(path, providers=["cpu"], threads=threads)
        x, level = image(configuration.size, configuration.batch, configuration.precision), _level(configuration)
        return lambda: explainer.run(x, level=level), {}  # type: ignore[arg-type]  # it is 0 or 2
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(path, session_options(threads), providers=["CPUExecutionProvider"])
    facts = {"creation": time.perf_counter() - start, "bytes": path.stat().st_size}
    outputs, feed = request(configuration, session)
    return lambda: session.run(outputs, feed), facts


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


def _level(configuration: Configuration) -> int:
    return int(configuration.kind.rpartition("level")[2])
