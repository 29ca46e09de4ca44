"""A padding of zeros before max pooling keeps its zeros in ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx.reference
import onnx_ir as ir
import pytest

from onnx_text import model
from onnxcam import Explainer
from onnxcam_export import export
from onnxcam_export.prepare.simplify import simplify

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """g (float[N,3,9,9] x) => (float[N,5] y) {
    c = Conv(x, w, b) BEFORE p = Pad(r, pads) m = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (p)
    g = GlobalAveragePool(m) y = Flatten(g)
}"""
PADS = [0, 0, 1, 1, 0, 0, 1, 1]


def padded(before: str, pad: str = "Pad(r, pads)") -> onnx.ModelProto:
    low = np.full(5, -9, np.float32)  # so that zero is the largest number of every window at the border
    numbers = {"zero": np.asarray(0, np.float32), "lowest": np.asarray(np.finfo(np.float32).min)}
    used = {name: number for name, number in numbers.items() if name in pad}
    return model(TEXT.replace("BEFORE", before).replace("Pad(r, pads)", pad), w=(5, 3, 3, 3), b=low, pads=PADS, **used)


def test_the_scores_are_those_of_the_operators(tmp_path: Path) -> None:
    proto = padded("r = Identity(c)")
    report = export(proto, tmp_path / "out.onnx")
    image = np.random.default_rng(0).standard_normal((2, 3, 9, 9)).astype(np.float32)
    (expected,) = onnx.reference.ReferenceEvaluator(proto).run(None, {"x": image})
    assert expected.max() > -8  # zeros at the border are part of the average
    np.testing.assert_allclose(Explainer(report.path).run(image, [0, 1]).scores, expected, rtol=1e-5)
    assert report.metadata.verification is not None
    assert any("merges a padding of zeros with max pooling" in note for note in report.metadata.verification.notes)


@pytest.mark.parametrize(("before", "apart"), [("r = Relu(c)", False), ("r = Identity(c)", True)])
def test_only_values_below_zero_need_it(before: str, apart: bool) -> None:
    assert ("Max" in simplified(padded(before))) == apart


@pytest.mark.parametrize(
    ("pad", "apart"),
    [("Pad(r, pads, zero)", True), ("Pad(r, pads, lowest)", False), ('Pad <mode = "reflect"> (r, pads)', False)],
)
def test_only_zeros_need_it(pad: str, apart: bool) -> None:
    assert ("Max" in simplified(padded("r = Identity(c)", pad))) == apart


def simplified(proto: onnx.ModelProto) -> list[str]:
    given = ir.from_proto(proto)
    simplify(given)
    return [node.op_type for node in given.graph]
