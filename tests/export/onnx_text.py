"""Small models as ONNX text, in the manner of their producers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.parser

Array = np.ndarray[Any, Any]


def model(
    text: str,
    *,
    opset: int = 20,
    ir_version: int = 10,
    domains: str = "",
    **weights: tuple[int, ...] | Array | list[int],
) -> onnx.ModelProto:
    """A model from ``g (inputs) => (outputs) { nodes }``.

    Weights are arrays, int64 lists, or shapes, which are drawn at random so that activations keep their size.
    """
    rng = np.random.default_rng(0)
    proto = onnx.parser.parse_model(f'<ir_version: {ir_version}, opset_import: ["": {opset}{domains}]> {text}')
    for name, spec in weights.items():
        if isinstance(spec, tuple):
            spread = np.sqrt(2 / max(1, int(np.prod(spec[1:]))))
            array = (rng.standard_normal(spec) * spread).astype(np.float32)
        else:
            array = np.asarray(spec, None if isinstance(spec, np.ndarray) else np.int64)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    return proto


def small(output: str = "float[N,5] y", head: str = "y = Gemm(f, w2, b2)", **options: Any) -> onnx.ModelProto:
    """Conv, ReLU, global average pooling and a head on the features f, [N, 4]."""
    weights = {"w1": (4, 3, 3, 3), "b1": (4,), "w2": (4, 5), "b2": (5,)} | options.pop("weights", {})
    return model(
        f"""g (float[N,3,12,12] x) => ({output}) {{
            c = Conv <pads = [1, 1, 1, 1]> (x, w1, b1)
            r = Relu(c)
            p = GlobalAveragePool(r)
            f = Flatten(p)
            {head}
        }}""",
        **weights,
        **options,
    )
