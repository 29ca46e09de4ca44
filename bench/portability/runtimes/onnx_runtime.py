"""ONNX Runtime for Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnxruntime

from bench.portability.measure import main

if TYPE_CHECKING:
    from bench.portability.measure import Run


def opened(path: str, provider: str = "CPUExecutionProvider", **options: str) -> Run:
    """Opens a model with one thread."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, settings, providers=[(provider, options)])
    known = {value.name for value in [*session.get_inputs(), *session.get_overridable_initializers()]}
    names = [value.name for value in session.get_outputs()]

    def run(feeds: Any) -> Any:
        given = {name: value for name, value in feeds.items() if name in known}
        return dict(zip(names, session.run(names, given), strict=True))

    return run


if __name__ == "__main__":
    main(onnxruntime.__version__, opened)
