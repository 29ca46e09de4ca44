"""Large matrices are read once for both gradients, and the answers stay."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
import torch
from torch import nn

from onnxcam import adapt
from onnxcam_export import export
from onnxcam_export.assemble.head_products import share_head_products
from onnxcam_export.assemble.rows import cotangents
from onnxcam_export.graph.builder import Builder
from support import reference
from support.models import randomised


class Headed(nn.Module):
    """Features and a head of two hidden layers; the first has a matrix of two megabytes."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(16, 8, 4, 4), nn.ReLU()),
        )
        self.head = nn.Sequential(nn.Linear(8 * 64, 1024), nn.ReLU(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).flatten(1))


@pytest.fixture
def run_nodes(evaluate):
    """Computes a value of what a builder emitted."""

    def compute(op: Builder, value: ir.Value, **feeds: np.ndarray) -> np.ndarray:
        value.name, value.type = "y", ir.TensorType(ir.DataType.FLOAT)
        op.graph.extend(op.all_nodes)
        op.graph.outputs.append(value)
        return evaluate(ir.to_proto(ir.Model(op.graph, ir_version=10)), feeds)["y"]

    return compute


def products(path, branch: str) -> Counter[tuple[int, ...]]:
    """How often each matrix is multiplied with in a branch, by its shape."""
    graph = onnx.load(path).graph
    gate = next(node for node in graph.node if node.op_type == "If")
    inner = next(a.g for a in gate.attribute if a.name == branch)
    shapes = {tensor.name: tuple(tensor.dims) for tensor in (*graph.initializer, *inner.initializer)}
    own = {node.output[0]: shapes.get(node.input[0]) for node in inner.node if node.op_type == "Reshape"}
    return Counter((own | shapes)[node.input[1]] for node in inner.node if node.op_type == "Gemm")


def test_both_gradients_pass_the_large_matrix_in_one_product(tmp_path, explain):
    torch.manual_seed(0)
    module = randomised(Headed()).eval()
    report = export(module, tmp_path / "headed.onnx", input_shape=(3, 32, 32), layers=["features"])
    count = products(report.path, "then_branch")
    assert count[1024, 512] == 2  # the forward pass, and both gradients
    assert count[64, 1024] == 3  # too small to be worth it
    assert count[5, 64] == 1  # the forward pass; the gradients look a row up
    for images, target in ((1, [1]), (1, [0, 3, 4]), (3, [2, 2, 4])):
        image = np.random.default_rng(0).standard_normal((images, 3, 32, 32)).astype(np.float32)
        got = explain(report, image, target)
        expected = reference.explain(module, image, target, ["features"])
        assert reference.relative_error(got.gradients["features"], expected.gradients["features"]) < 1e-5
        assert reference.relative_error(got.guided, expected.guided) < 1e-5


def emitted(chain: bool) -> Builder:
    """Two products with one matrix; the second multiplies what the first gave, or something else."""
    w = ir.val("w", const_value=ir.tensor(np.zeros((1024, 1024), np.float32), name="w"))
    a, b = ir.val("a", dtype=ir.DataType.FLOAT), ir.val("b", dtype=ir.DataType.FLOAT)
    op = Builder(ir.Graph([a, b], [], nodes=[], initializers=[w]))
    first = op.Gemm(a, w)
    op.Neg(op.Gemm(op.Relu(first if chain else b), w))
    return op


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_row_of_the_last_matrix_is_looked_up(transposed, run_nodes):
    """``[onehot(c); v] W``, and the same of ``W^T`` as a MatMul head has it; W is read as the first operand."""
    w = np.random.default_rng(0).standard_normal((4, 6) if transposed else (6, 4)).astype(np.float32)
    target, seed = ir.val("target", dtype=ir.DataType.INT64, shape=[3]), ir.val("seed", shape=["S", 6])
    seed.dtype = ir.DataType.FLOAT
    op = Builder(ir.Graph([target, seed], [], nodes=[], opset_imports={"": 20}))
    found = op.Neg(op.Gemm(cotangents(op, target, 6, seed), w, transB=transposed))
    nodes, matrix = _after(op), w.T if transposed else w
    assert "Gather" in {node.op_type for node in nodes}
    assert all(node.inputs[0].name != "seed" for node in nodes if node.op_type == "Gemm")
    index, v = np.asarray([5, 0, 3], np.int64), np.random.default_rng(1).standard_normal((2, 6)).astype(np.float32)
    found = run_nodes(op, found, target=index, seed=v)
    np.testing.assert_array_equal(found[:3], -matrix[index])
    np.testing.assert_allclose(found[3:], -v @ matrix, rtol=1e-5)


def test_a_product_of_the_other_is_left():
    assert Counter(node.op_type for node in _after(emitted(chain=True)))["Gemm"] == 2


def test_of_two_chains_through_one_matrix_only_what_does_not_wait_for_the_other_is_joined():
    w = ir.val("w", const_value=ir.tensor(np.zeros((1024, 1024), np.float32), name="w"))
    a, b = ir.val("a", dtype=ir.DataType.FLOAT), ir.val("b", dtype=ir.DataType.FLOAT)
    op = Builder(ir.Graph([a, b], [], nodes=[], initializers=[w]))
    for first, last in ((a, "Neg"), (b, "Abs")):
        getattr(op, last)(op.Gemm(op.Relu(op.Gemm(first, w)), w))
    assert Counter(node.op_type for node in _after(op))["Gemm"] == 3


def test_the_nodes_stay_in_an_order_in_which_they_can_run():
    nodes = _after(emitted(chain=False))
    assert Counter(node.op_type for node in nodes)["Gemm"] == 1
    known = {"a", "b", "w"}
    for node in nodes:
        assert {value.name for value in node.inputs if value is not None} <= known
        known.update(value.name for value in node.outputs if value.name is not None)


def _after(op: Builder) -> list[ir.Node]:
    share_head_products(op)
    return op.nodes


def test_no_copy_of_the_last_matrix_is_made_for_seeds(tmp_path):
    """As ONNX Runtime optimises it: the matrix is the first operand, of which it packs no copy."""
    body = (nn.Conv2d(3, 64, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = nn.Sequential(*body, nn.Linear(64, 50)).eval()
    report = export(model, tmp_path / "model.onnx", input_shape=(3, 16, 16), verify=False)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    ort.InferenceSession(adapt(report.path, level=1), options, providers=["CPUExecutionProvider"])
    graph = onnx.load(tmp_path / "optimised.onnx").graph
    products = {tuple(node.input[:2]) for node in graph.node if node.op_type == "Gemm" and "onnxcam.seed" in node.input}
    ((first, second),) = products
    assert second == "onnxcam.seed"
    assert first in {node.input[0] for node in graph.node if node.op_type == "Gather"}
    assert sum(list(tensor.dims) == [50, 64] for tensor in graph.initializer) == 2  # the other is the forward pass's
