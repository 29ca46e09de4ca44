"""A batch norm of weights in training mode is a constant; one of images is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx.reference
import onnx_ir as ir
import pytest

from onnx_text import model
from onnxcam import Explainer
from onnxcam_export import SourceError, export
from onnxcam_export.read.files.upgrade import to_standard_form

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = "c = Conv(x, w) r = Relu(c) g = GlobalAveragePool(r) y = Flatten(g)"
TEXT = f"""g (float[N,3,9,9] x) => (float[N,5] y) {{
    scale = Mul(gain, half)
    standard, mean, var = BatchNormalization <training_mode = 1, epsilon = 1e-6> (weight, scale, bias, zeros, ones)
    w = Reshape(standard, shape)
    {NETWORK}
}}"""


def standardised(text: str = TEXT, opset: int = 20) -> onnx.ModelProto:
    values = {"gain": np.linspace(0.5, 2, 5, dtype=np.float32), "half": np.asarray(0.5, np.float32)}
    values |= {"bias": np.zeros(5, np.float32), "zeros": np.zeros(5, np.float32), "ones": np.ones(5, np.float32)}
    return model(text, opset=opset, weight=(1, 5, 27), shape=[5, 3, 3, 3], **values)


def test_standardised_weights_are_constants(tmp_path: Path) -> None:
    proto = standardised()
    report = export(proto, tmp_path / "out.onnx")
    weight = next(onnx.numpy_helper.to_array(item) for item in proto.graph.initializer if item.name == "weight")[0]
    centred = weight - weight.mean(1, keepdims=True)
    scale = np.linspace(0.25, 1, 5)[:, None]
    expected = (scale * centred / np.sqrt(weight.var(1, keepdims=True) + 1e-6)).reshape(5, 3, 3, 3)
    plain = model(f"g (float[N,3,9,9] x) => (float[N,5] y) {{ {NETWORK} }}", w=expected.astype(np.float32))
    image = np.random.default_rng(0).standard_normal((2, 3, 9, 9)).astype(np.float32)
    same = Explainer(export(plain, tmp_path / "plain.onnx").path).run(image, [1, 3])
    got = Explainer(report.path).run(image, [1, 3])
    np.testing.assert_allclose(got.scores, same.scores, rtol=1e-4)
    np.testing.assert_allclose(got.guided, same.guided, rtol=1e-3, atol=1e-7)


def test_a_batch_norm_of_images_in_training_mode_is_refused(tmp_path: Path) -> None:
    text = """g (float[N,3,9,9] x) => (float[N,5] y) {
        c = Conv(x, w)
        n, mean, var = BatchNormalization <training_mode = 1> (c, ones, zeros, zeros, ones)
        r = Relu(n) g = GlobalAveragePool(r) y = Flatten(g)
    }"""
    given = model(text, w=(5, 3, 3, 3), zeros=np.zeros(5, np.float32), ones=np.ones(5, np.float32))
    with pytest.raises(SourceError, match=r"was exported in training mode, which its BatchNormalization node .* is in"):
        export(given, tmp_path / "out.onnx")


def test_a_batch_norm_of_images_in_training_mode_is_refused_before_opset_14_too() -> None:
    norm = "c = Conv(x, w) n, mean, var, saved, spread = BatchNormalization(c, ones, zeros, zeros, ones)"
    text = f"g (float[N,3,9,9] x) => (float[N,5] y) {{ {norm} g = GlobalAveragePool(n) y = Flatten(g) }}"
    given = model(text, opset=13, w=(5, 3, 3, 3), zeros=np.zeros(5, np.float32), ones=np.ones(5, np.float32))
    with pytest.raises(SourceError, match=r"was exported in training mode, which its BatchNormalization node"):
        to_standard_form(ir.from_proto(given))


def test_standardised_weights_are_constants_before_opset_14_too() -> None:
    text = TEXT.replace("training_mode = 1, ", "").replace("mean, var", "mean, var, saved, spread")
    old, new = ir.from_proto(standardised(text, opset=13)), ir.from_proto(standardised())
    for loaded in (old, new):
        to_standard_form(loaded)
    image = np.random.default_rng(0).standard_normal((2, 3, 9, 9)).astype(np.float32)
    (got,), (expected,) = (
        onnx.reference.ReferenceEvaluator(ir.to_proto(loaded)).run(None, {"x": image}) for loaded in (old, new)
    )
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
