"""What ONNX Runtime's optimiser makes of a model: ``python -m bench.optimised MODEL.onnx`` counts the operators."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def optimised(model: Path) -> onnx.ModelProto:
    """The graph that ONNX Runtime really runs on this machine's CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def operators(nodes: Iterable[onnx.NodeProto], where: str = "forward") -> Iterator[tuple[str, str]]:
    """Each node's place and operator, those of the gates' branches too."""
    for node in nodes:
        yield where, node.op_type if not node.domain else f"{node.domain}.{node.op_type}"
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from operators(attribute.g.node, f"{node.name}/{attribute.name}")


if __name__ == "__main__":
    counts = Counter(operators(optimised(Path(sys.argv[1])).graph.node))
    for (where, operator), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1])):
        sys.stdout.write(f"{count:5} {operator:40} {where}\n")
