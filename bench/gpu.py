"""The configurations with CUDA, and their runs. They have not run on a GPU yet.

Inputs and outputs stay on the device, so that copies are not timed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from bench.configurations import LEVELS, Configuration
from bench.exports import export_path
from bench.onnx_side import request, session_options

if TYPE_CHECKING:
    from bench.onnx_side import Prepared

_KINDS = ("plain", *LEVELS, "flat", "captum-guided-grad-cam", "captum-grad-cam", "autograd")
_BATCHES = (1, 8, 32, 128, 256)
_PRECISIONS = ("float32", "tf32", "float16")


def plan(networks: list[str]) -> list[list[Configuration]]:
    """A set of configurations for each network and precision: every kind and batch."""

    def together(network: str, precision: str) -> list[Configuration]:
        each = ((kind, batch) for batch in _BATCHES for kind in _KINDS)
        return [Configuration(kind, network, 224, batch, 1, "cuda", precision) for kind, batch in each]

    return [together(network, precision) for network in networks for precision in _PRECISIONS]


def prepare(configuration: Configuration, threads: int) -> Prepared:
    """A run with bound inputs and outputs; ``flat`` is captured as a CUDA graph, which cannot contain an ``If``."""
    captured = configuration.kind == "flat"
    start = time.perf_counter()
    session = _session(configuration, session_options(threads), captured=captured)
    facts = {"creation": time.perf_counter() - start, "bytes": export_path(configuration).stat().st_size}
    outputs, feed = request(configuration, session)
    binding, on_device = session.io_binding(), onnxruntime.OrtValue.ortvalue_from_numpy
    for name, value in feed.items():  # the level chooses the branch on the host
        binding.bind_ortvalue_input(name, on_device(value, "cpu" if name == "onnxcam.level" else "cuda", 0))
    if captured:  # a CUDA graph writes to fixed addresses; a run of another session shows the sizes to allocate
        results = _session(configuration, session_options(threads)).run(outputs, feed)
        for name, value in zip(outputs, results, strict=True):
            binding.bind_ortvalue_output(name, on_device(np.asarray(value), "cuda", 0))
    else:
        for name in outputs:
            binding.bind_output(name, "cuda", 0)

    def run() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return run, facts


def _session(
    configuration: Configuration, options: onnxruntime.SessionOptions, *, captured: bool = False
) -> onnxruntime.InferenceSession:
    onnxruntime.preload_dlls()
    cuda = {"use_tf32": str(int(configuration.precision == "tf32")), "enable_cuda_graph": str(int(captured))}
    providers = [("CUDAExecutionProvider", cuda), "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(export_path(configuration), options, providers=providers)
    if session.get_providers()[0] != "CUDAExecutionProvider":
        raise RuntimeError("the CUDA provider cannot be used here; `onnxcam doctor` says why")
    return session
