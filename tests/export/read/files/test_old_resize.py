"""Upsample and the first Resize answer in opset 20 as they did in theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest

from onnx_text import model
from onnxcam_export.read.files.upgrade import upgrade

if TYPE_CHECKING:
    import onnx

OLD = [
    *(("Upsample", opset, mode, scales) for opset in (7, 9) for mode in ("nearest", "linear") for scales in ((2, 3),)),
    *(
        ("Resize", 10, mode, sc)
        for mode in ("nearest", "linear")
        for sc in ((2, 2), (1.5, 2.5), (0.5, 0.5), (0.7, 0.4))
    ),
]


def resizing(operator: str, opset: int, mode: str, scales: tuple[float, ...]) -> onnx.ModelProto:
    sizes = [1.0, 1.0, *map(float, scales)]
    if opset == 7:
        node, weights = f'Upsample<mode="{mode}", scales=[{", ".join(map(str, sizes))}]>(x)', {}
    else:
        node, weights = f'{operator}<mode="{mode}">(x, s)', {"s": np.asarray(sizes, np.float32)}
    return model(f"g (float[1,2,6,7] x) => (float[1,2,h,w] y) {{ y = {node} }}", opset=opset, ir_version=3, **weights)


def answer(proto: onnx.ModelProto) -> Any:
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((1, 2, 6, 7)).astype(np.float32)
    return session.run(None, {"x": image})[0]


@pytest.mark.parametrize(("operator", "opset", "mode", "scales"), OLD)
def test_an_upgraded_resize_answers_as_before(operator: str, opset: int, mode: str, scales: tuple[float, ...]) -> None:
    given = resizing(operator, opset, mode, scales)
    upgraded = ir.from_proto(given)
    upgrade(upgraded)
    np.testing.assert_array_equal(answer(ir.to_proto(upgraded)), answer(given))
