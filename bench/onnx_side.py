"""The plain model, the artifact and onnx-ad's reverse graph in ONNX Runtime."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnxruntime

from bench.networks import TARGET, exported, image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from bench.configurations import Configuration


class Prepared(NamedTuple):
    """What the worker repeats.

    Attributes:
        run: One run.
        after: What a caller does with the answer to get the maps, or None.
        facts: What is known before the first run.
    """

    run: Callable[[], Any]
    after: Callable[[], Any] | None
    facts: dict[str, Any]


def prepare(configuration: Configuration, threads: int) -> Prepared:
    """A session of the configuration's model, and a call of it."""
    path = model_path(configuration)
    options = session_options(threads)
    if configuration.provider == "cuda":
        from bench import gpu

        return gpu.prepare(configuration, path, options)
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    facts = {"creation": time.perf_counter() - start, "bytes": path.stat().st_size}
    outputs, feed = question(configuration, session)

    def run() -> list[npt.NDArray[Any]]:
        answer: list[npt.NDArray[Any]] = session.run(outputs, feed)
        return answer

    return Prepared(run, _maps(configuration.kind, outputs, run), facts)


def model_path(configuration: Configuration) -> Path:
    """The export that the configuration runs."""
    return exported(configuration.exports[-1], configuration.network, configuration.size, configuration.precision)


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """The options of every session here, the runtime's own but for the fixed number of threads."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return options


def question(
    configuration: Configuration, session: onnxruntime.InferenceSession
) -> tuple[list[str], dict[str, npt.NDArray[Any]]]:
    """What is fetched and what is fed.

    At level 0 as by a caller who knows nothing of onnxcam: the original outputs, for the original input.
    """
    kind = configuration.kind.rpartition(":")[2]
    names = [value.name for value in session.get_outputs()]
    inputs = [value.name for value in session.get_inputs()]
    feed = {inputs[0]: image(configuration.size, configuration.batch, configuration.precision)}
    if kind == "onnx-ad":
        seed = np.zeros((configuration.batch, session.get_outputs()[0].shape[1], 1), np.float32)
        seed[:, TARGET] = 1
        return names, feed | {inputs[1]: seed}
    if kind in {"plain", "level0"}:
        return [name for name in names if not name.startswith("onnxcam.")], feed
    feed["onnxcam.target"] = np.arange(TARGET, TARGET + configuration.targets)
    if kind != "flat":
        feed["onnxcam.level"] = np.array(int(kind.removeprefix("level")))
    added = [name for name in names if name.startswith("onnxcam.")]
    return [name for name in added if kind != "level1" or name != "onnxcam.guided_gradients"], feed


def _maps(kind: str, outputs: list[str], run: Callable[[], list[npt.NDArray[Any]]]) -> Callable[[], Any] | None:
    """Grad-CAM, or Guided Grad-CAM, of an answer, by the runtime's own functions."""
    if kind not in {"level1", "level2"}:
        return None
    from onnxcam import cam

    answer = dict(zip(outputs, run(), strict=True))
    activations, gradients = (
        next(value for name, value in answer.items() if name.startswith(f"onnxcam.{part}/"))
        for part in ("activations", "gradients")
    )
    if kind == "level1":
        return lambda: cam.grad_cam(activations, gradients)
    guided = answer["onnxcam.guided_gradients"]
    return lambda: cam.guided_grad_cam(guided, cam.grad_cam(activations, gradients))
