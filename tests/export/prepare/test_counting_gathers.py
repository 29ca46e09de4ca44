"""A Gather of all elements of a list goes, and every other Gather stays."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import onnx.reference
import onnx_ir as ir
import pytest

from onnxcam_export.prepare.simplify import simplify

ALL = np.arange(12)
COUNTED = """s = Shape<start = 0, end = 1>(x) n = Squeeze(s) r = Range(zero, n, one) m = Mul(r, six)
    c = Unsqueeze(m, ends) i = Add(c, row)"""


def operators(nodes: str, batch: str = "2", **constants: np.ndarray) -> list[str]:
    """Those that are left after simplifying, which may not change the values."""
    proto = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["": 20]> g (float[{batch},6,1] x) => (float[a,b,c] y) {{ {nodes} }}'
    )
    fixed = {"zero": np.asarray(0), "one": np.asarray(1), "six": np.asarray(6), "ends": np.asarray([1, 2])}
    fixed |= {"row": np.arange(6).reshape(1, 6, 1), "list": np.asarray([-1])}
    for name, array in (fixed | constants).items():
        if f"{name})" in nodes or f"{name}," in nodes or f"({name}" in nodes:
            proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    given = ir.from_proto(proto)
    simplify(given)
    x = np.random.default_rng(0).standard_normal((2, 6, 1)).astype(np.float32)
    before, after = (
        onnx.reference.ReferenceEvaluator(each).run(None, {"x": x})[0] for each in (proto, ir.to_proto(given))
    )
    np.testing.assert_array_equal(after, before)
    return [node.op_type for node in given.graph]


@pytest.mark.parametrize("batch", ["2", "N"])
def test_all_elements_in_their_places_are_the_list_itself(batch: str) -> None:
    assert operators(f"{COUNTED} f = Reshape(x, list) g = Gather(f, i) y = Neg(g)", batch) == ["Neg"]


def test_constant_indices_count_too() -> None:
    assert operators("f = Reshape(x, list) g = Gather(f, i) y = Neg(g)", i=ALL.reshape(2, 6, 1)) == ["Neg"]


@pytest.mark.parametrize("indices", [ALL.reshape(2, 3, 2), ALL[::-1].reshape(2, 6, 1), ALL[:6].reshape(1, 6, 1)])
def test_another_shape_order_or_part_stays(indices: np.ndarray) -> None:
    assert "Gather" in operators("f = Reshape(x, list) g = Gather(f, i) y = Neg(g)", i=indices.copy())
