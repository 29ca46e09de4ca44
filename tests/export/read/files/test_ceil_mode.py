"""Pooling in ceil mode whose last window would start in the padding: as ONNX Runtime counts the windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest
import torch
from torch import nn

from onnx_text import model
from onnxcam_export import export
from onnxcam_export.read.files.upgrade import to_standard_form

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("extra", ["", ", count_include_pad = 1"])
@pytest.mark.parametrize("size", [10, 11, 12])
@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool", "LpPool"])
def test_inferred_shapes_are_those_of_the_outputs(operator: str, size: int, extra: str) -> None:
    window = f"kernel_shape = [2, 3], strides = [2, 3], ceil_mode = 1{extra if operator == 'AveragePool' else ''}"
    pools = f"a = {operator} <{window}, pads = [1, 1, 1, 2]> (x) y = {operator} <{window}, pads = [1, 2, 1, 1]> (a)"
    proto = model(f"g (float[N,2,{size},{size}] x) => (float[N,C,H,W] y) {{ {pools} }}")
    loaded = ir.from_proto(proto)
    to_standard_form(loaded)
    x = np.random.default_rng(0).standard_normal((1, 2, size, size)).astype(np.float32)
    wanted, got = (
        ort.InferenceSession(m.SerializeToString()).run(None, {"x": x})[0] for m in (proto, ir.to_proto(loaded))
    )
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    assert list(loaded.graph.outputs[0].shape or ())[1:] == list(got.shape[1:])


def test_a_module_with_one_is_exported(tmp_path: Path) -> None:
    pool = nn.MaxPool2d(2, 2, 1, ceil_mode=True)
    network = nn.Sequential(nn.Conv2d(3, 4, 2), pool, nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    report = export(network.eval(), tmp_path / "out.onnx", input_shape=(3, 12, 12))
    assert report.metadata.verification is not None
    assert report.metadata.layers[0].shape == (4, *network[:3](torch.zeros(1, 3, 12, 12)).shape[2:])
