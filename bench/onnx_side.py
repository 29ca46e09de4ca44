"""The plain model and the artifact in ONNX Runtime."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnxruntime

from bench.exports import export_path
from bench.networks import TARGET, image

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from bench.configurations import Configuration


class Prepared(NamedTuple):
    """What the worker repeats.

    Attributes:
        run: One run.
        facts: What is known before the first run.
    """

    run: Callable[[], Any]
    facts: dict[str, Any]


def prepare(configuration: Configuration, threads: int) -> Prepared:
    """A session of the configuration's export, and a run of it."""
    path = export_path(configuration)
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(path, session_options(threads), providers=["CPUExecutionProvider"])
    facts = {"creation": time.perf_counter() - start, "bytes": path.stat().st_size}
    outputs, feed = request(configuration, session)
    return Prepared(lambda: session.run(outputs, feed), facts)


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """ONNX Runtime's defaults but for the fixed number of threads."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return options


def request(
    configuration: Configuration, session: onnxruntime.InferenceSession
) -> tuple[list[str], dict[str, npt.NDArray[Any]]]:
    """The outputs that are fetched, and what is fed.

    At level 0 as by a caller who knows nothing of onnxcam: the original outputs, for the original input.
    """
    kind = configuration.kind.rpartition(":")[2]
    names = [value.name for value in session.get_outputs()]
    feed = {session.get_inputs()[0].name: image(configuration.size, configuration.batch, configuration.precision)}
    if kind in {"plain", "level0"}:
        return [name for name in names if not name.startswith("onnxcam.")], feed
    feed["onnxcam.target"] = np.arange(TARGET, TARGET + configuration.targets)
    if kind != "flat":
        feed["onnxcam.level"] = np.array(int(kind.removeprefix("level")))
    added = [name for name in names if name.startswith("onnxcam.")]
    return [name for name in added if kind != "level1" or not name.startswith("onnxcam.guided")], feed
