"""The reference evaluator of the package ``onnx``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
from onnx.reference import ReferenceEvaluator

from bench.portability.measure import main

if TYPE_CHECKING:
    from bench.portability.measure import Run


def opened(path: str) -> Run:
    """Opens a model."""
    evaluator: Any = ReferenceEvaluator(path)

    def run(feeds: Any) -> Any:
        given = {name: value for name, value in feeds.items() if name in evaluator.input_names}
        return dict(zip(evaluator.output_names, evaluator.run(None, given), strict=True))

    return run


main(onnx.__version__, opened)
