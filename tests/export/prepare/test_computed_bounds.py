"""A Clip with bounds that are computed from the image, compared with PyTorch's autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
import pytest
import torch

from onnx_text import model
from onnxcam import Explainer
from onnxcam_export import export
from onnxcam_export.prepare.simplify import simplify

if TYPE_CHECKING:
    from pathlib import Path

BOUNDS = {"(c, low)": (True, False), "(c, , high)": (False, True), "(c, low, high)": (True, True)}


@pytest.mark.parametrize("bounds", BOUNDS)
def test_the_gradient_is_autograds(bounds: str, tmp_path: Path) -> None:
    """Both bounds are reached, and the image's largest number has a gradient through them."""
    w, v = (np.random.default_rng(0).standard_normal(shape).astype(np.float32) for shape in ((4, 2, 3), (4, 3)))
    proto = model(
        f"""g (float[1,2,20] x) => (float[1,3] y) {{
            c = Conv (x, w)
            most = ReduceMax <keepdims = 0> (c)
            low = Mul(most, tenth)
            high = Mul(most, half)
            k = Clip{bounds}
            p = GlobalAveragePool(k)
            f = Flatten(p)
            y = MatMul(f, v)
        }}""",
        w=w,
        v=v,
        tenth=np.asarray(0.1, np.float32),
        half=np.asarray(0.5, np.float32),
    )
    report = export(proto, tmp_path / "out.onnx", input_gradient="plain")
    image = np.random.default_rng(1).standard_normal((1, 2, 20)).astype(np.float32)
    got = Explainer(report.path).run(image, [0, 2])
    x = torch.from_numpy(image).requires_grad_()
    c = torch.nn.functional.conv1d(x, torch.from_numpy(w))
    low, high = 0.1 * c.max(), 0.5 * c.max()
    has_low, has_high = BOUNDS[bounds]
    k = torch.maximum(c, low) if has_low else c
    k = torch.minimum(k, high) if has_high else k
    y = k.mean(2) @ torch.from_numpy(v)
    for row, target in enumerate((0, 2)):
        (expected,) = torch.autograd.grad(y[0, target], x, retain_graph=True)
        np.testing.assert_allclose(got.input_gradient()[row], expected[0].numpy(), rtol=1e-4, atol=1e-6)


def test_constant_bounds_stay() -> None:
    given = ir.from_proto(
        model("g (float[N,8] x) => (float[N,8] y) { y = Clip(x, low) }", low=np.zeros((), np.float32))
    )
    simplify(given)
    assert "Max" not in [node.op_type for node in given.graph]
