"""What is derived from small constants is computed at export; what is derived from large ones stays in the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from onnxcam_export.graph.builder import Builder
from onnxcam_export.graph.folding import fold


@pytest.fixture
def op() -> Builder:
    return Builder(ir.Graph([], [], nodes=[]))


def values(value: ir.Value) -> Any:
    tensor = ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()


def test_small_constants_leave_no_nodes(op: Builder) -> None:
    variance = np.random.default_rng(0).uniform(0.5, 2, 64).astype(np.float32)
    factor = op.once.Div(1.0, op.once.Sqrt(op.once.Add(variance, 1e-5)))
    assert op.all_nodes == []
    np.testing.assert_allclose(values(factor), 1 / np.sqrt(variance + np.float32(1e-5)), rtol=1e-6)


def test_what_is_derived_from_a_large_constant_stays(op: Builder) -> None:
    turned = op.once.Transpose(np.zeros((64, 64), np.float32), perm=[1, 0])
    assert [node.op_type for node in op.all_nodes] == ["Transpose"]
    assert values(turned) is None


def test_a_small_constant_is_not_made_large(op: Builder) -> None:
    op.once.Expand(1.0, [64, 64])
    assert [node.op_type for node in op.all_nodes] == ["Expand"]


def test_what_depends_on_the_image_is_not_known(op: Builder) -> None:
    image = ir.val("image", ir.DataType.FLOAT, [1, 3, 8, 8])
    assert fold("Add", [image, op.constant(np.float32(1))], {}) is None


def test_inputs_left_out_and_attributes(op: Builder) -> None:
    bounds = [op.constant(np.arange(4, dtype=np.float32)), None, op.constant(np.float32(2))]
    np.testing.assert_array_equal(fold("Clip", bounds, {}), [0, 1, 2, 2])
    rows = [op.constant(np.arange(6, dtype=np.float32).reshape(2, 3))]
    np.testing.assert_array_equal(fold("Transpose", rows, {"perm": [1, 0]}), [[0, 3], [1, 4], [2, 5]])
