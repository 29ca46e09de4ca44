"""The configurations with CUDA, and how they are measured. Not run on a GPU yet.

Input and outputs stay on the device, so that only the work itself is timed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from bench.configurations import LEVELS, Configuration
from bench.exports import export_path
from bench.onnx_side import Prepared, request, session_options

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = ("plain", *LEVELS, "flat", "captum-guided-grad-cam", "captum-grad-cam", "autograd")
_BATCHES = (1, 8, 32, 128, 256)
_PRECISIONS = ("float32", "tf32", "float16")


def plan(networks: list[str]) -> list[list[Configuration]]:
    """Sets of configurations, one a network and precision: every kind and batch."""
    return [
        [
            Configuration(kind, network, batch=batch, provider="cuda", precision=precision)
            for batch in _BATCHES
            for kind in _KINDS
        ]
        for network in networks
        for precision in _PRECISIONS
    ]


def prepare(configuration: Configuration, threads: int) -> Prepared:
    """A run with everything bound; ``flat`` is captured as a CUDA graph, which cannot hold the others' ``If``."""
    captured = configuration.kind == "flat"
    start = time.perf_counter()
    session = _session(configuration, session_options(threads), captured=captured)
    facts = {"creation": time.perf_counter() - start, "bytes": export_path(configuration).stat().st_size}
    outputs, feed = request(configuration, session)
    binding = session.io_binding()
    _bind_inputs(binding, feed)
    if captured:  # it writes to fixed addresses, so its outputs are allocated before, as large as another session's
        results = _session(configuration, session_options(threads)).run(outputs, feed)
        for name, value in zip(outputs, results, strict=True):
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(np.asarray(value), "cuda", 0))
    else:
        for name in outputs:
            binding.bind_output(name, "cuda", 0)

    def run() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return Prepared(run, facts)


def _bind_inputs(binding: onnxruntime.IOBinding, feed: Mapping[str, Any]) -> None:
    """Everything lives on the device but the level, which decides on the host which branch runs."""
    for name, value in feed.items():
        device = "cpu" if name == "onnxcam.level" else "cuda"
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value, device, 0))


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
