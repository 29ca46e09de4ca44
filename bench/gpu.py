"""The ONNX side with CUDA: input and answer stay on the device, and only the work itself is timed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from bench.onnx_side import Prepared, question

if TYPE_CHECKING:
    from pathlib import Path

    from bench.configurations import Configuration


def prepare(configuration: Configuration, path: Path, options: onnxruntime.SessionOptions) -> Prepared:
    """A bound call; ``flat`` is captured as a CUDA graph, for which the others' control flow is not fit."""
    graph = configuration.kind == "flat"
    session, creation = open_session(configuration, path, options, graph=graph)
    outputs, feed = question(configuration, session)
    binding = session.io_binding()
    for name, value in feed.items():
        # The level decides on the host which branch runs; everything else lives on the device.
        place = "cpu" if name == "onnxcam.level" else "cuda"
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value, place, 0))
    if graph:  # it writes to fixed addresses, so its outputs are allocated beforehand, as large as another session's
        answers = open_session(configuration, path, options)[0].run(outputs, feed)
        for name, value in zip(outputs, answers, strict=True):
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(np.asarray(value), "cuda", 0))
    else:
        for name in outputs:
            binding.bind_output(name, "cuda", 0)

    def run() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    facts: dict[str, Any] = {"creation": creation, "bytes": path.stat().st_size}
    return Prepared(run, binding.copy_outputs_to_cpu, facts)


def open_session(
    configuration: Configuration, path: Path, options: onnxruntime.SessionOptions, *, graph: bool = False
) -> tuple[onnxruntime.InferenceSession, float]:
    """A session on the device, and how long it took to make.

    Raises:
        RuntimeError: ONNX Runtime fell back to the CPU.
    """
    onnxruntime.preload_dlls()
    cuda = {"use_tf32": str(int(configuration.precision == "tf32")), "enable_cuda_graph": str(int(graph))}
    start = time.perf_counter()
    providers = [("CUDAExecutionProvider", cuda), "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(path, options, providers=providers)
    creation = time.perf_counter() - start
    if session.get_providers()[0] != "CUDAExecutionProvider":
        raise RuntimeError("the CUDA provider cannot be used here; `onnxcam doctor` says why")
    return session, creation
