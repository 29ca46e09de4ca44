"""Where tests run in parallel workers (``make test``), each keeps to one thread: several on a core only disturb it."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

import onnxruntime
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Tests beside large programs have environments of their own: `make test-triton` and `make test-batch`.
_LARGE = {"triton": "pytriton", "batch": "ray"}
collect_ignore = [folder for folder, package in _LARGE.items() if not importlib.util.find_spec(package)]

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ

if IS_WORKER:
    os.environ["OMP_NUM_THREADS"] = "1"  # torch reads it when it is imported, here and in subprocesses


@pytest.fixture(scope="session", autouse=IS_WORKER)
def _one_thread_for_onnx_runtime() -> Iterator[None]:
    """Sessions that leave their number of threads open get one; the product leaves it open on purpose."""
    make = onnxruntime.InferenceSession.__init__

    def with_one_thread(self: Any, model: Any, sess_options: Any = None, *rest: Any, **named: Any) -> None:
        options = sess_options or onnxruntime.SessionOptions()
        if options.intra_op_num_threads == 0:
            options.intra_op_num_threads = 1
        make(self, model, options, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime.InferenceSession, "__init__", with_one_thread)
        yield
