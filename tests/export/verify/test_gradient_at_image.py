"""The gradient at the image is verified where the artifact has one, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from onnx_text import model
from onnxcam import Explainer, MethodError
from onnxcam_export import OperatorError, export

if TYPE_CHECKING:
    from pathlib import Path


def with_operator(node: str) -> onnx.ModelProto:
    """A network in which an operator without a gradient lies before the layer r, [4, 12, 12]."""
    return model(
        f"""g (float[N,3,12,12] x) => (float[N,5] y) {{
            c = Conv <pads = [1, 1, 1, 1]> (x, w1)
            {node}
            r = Relu(z)
            p = GlobalAveragePool(r)
            f = Flatten(p)
            y = Gemm(f, w2)
        }}""",
        w1=(4, 3, 3, 3),
        w2=(4, 5),
        zero=[0],
        one=[1],
        first=np.zeros((1, 1, 1, 1), np.int64),
    )


@pytest.mark.parametrize(
    "node",
    [
        "s = GlobalAveragePool(c) z = PRelu(c, s)",
        """s = Slice(c, zero, one, one) sizes = Shape(s) i = Expand(first, sizes)
           z = ScatterElements <axis = 1, reduction = "max"> (c, i, s)""",
    ],
)
def test_level_1_needs_no_rule_before_its_layer(node: str, tmp_path: Path) -> None:
    source = with_operator(node)
    with pytest.raises(OperatorError, match="choose a layer between it and the score, with level=1"):
        export(source, tmp_path / "out.onnx", layers="r")
    report = export(source, tmp_path / "out.onnx", layers="r", level=1)
    assert report.metadata.verification is not None
    assert "onnxcam.gradients/r" in report.metadata.verification.errors
    weights = onnx.numpy_helper.to_array(next(w for w in source.graph.initializer if w.name == "w2"))
    image = np.random.default_rng(0).standard_normal((2, 3, 12, 12)).astype(np.float32)
    explanation = Explainer(tmp_path / "out.onnx").run(image, [1, 4])
    expected = np.broadcast_to(weights.T[[1, 4], :, None, None] / 144, (2, 4, 12, 12))
    np.testing.assert_allclose(explanation.gradients["r"], expected, rtol=1e-5)
    for refused in (explanation.guided_backprop, explanation.input_gradient, explanation.guided_grad_cam):
        with pytest.raises(MethodError, match=r"this model was exported up to level 1; export it with level=2"):
            refused()
