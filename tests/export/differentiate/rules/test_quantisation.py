"""The gradient passes straight through inside the representable range, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.differentiate.tables import guided

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("kind", "zero"), [(np.uint8, 128), (np.uint8, 0), (np.int8, 0), (np.int8, -128), (np.int8, 3), (np.uint16, 7)]
)
def test_straight_through(kind: Any, zero: int, graph: Any, evaluate: Any) -> None:
    opset = 21 if kind is np.uint16 else 20
    function = graph(
        "q = QuantizeLinear(x, s, z) t = Transpose<perm=[0,2,3,1]>(q) y = DequantizeLinear(t, s, z)",
        x=("N", 3, 4, 5),
        s=np.float32(0.01),
        z=kind(zero),
        opset=opset,
    )
    x = function.variables(rows=2)["x"]
    dy = np.random.default_rng(1).standard_normal((2, 4, 5, 3)).astype(np.float32)
    dx = evaluate(function.gradient(), {"x": x, "dy": dy})["dx"]
    integers = np.rint(x / np.float32(0.01)) + zero
    inside = (integers >= np.iinfo(kind).min) & (integers <= np.iinfo(kind).max)
    assert 0 < inside.mean() <= 1
    np.testing.assert_allclose(dx, dy.transpose(0, 3, 1, 2) * inside, rtol=1e-6)


def test_one_scale_for_each_channel(graph: Any, evaluate: Any) -> None:
    function = graph(
        "q = QuantizeLinear<axis=1>(x, s, z) y = DequantizeLinear<axis=1>(q, s, z)",
        x=("N", 3, 4, 5),
        s=np.asarray([0.01, 0.1, 0.002], np.float32),
        z=np.asarray([0, 5, -100], np.int8),
    )
    x = function.variables(rows=2)["x"]
    dy = np.ones_like(x)
    dx = evaluate(function.gradient(), {"x": x, "dy": dy})["dx"]
    scale, zero = (function.constants[name].reshape(3, 1, 1) for name in "sz")
    integers = np.rint(x / scale) + zero
    np.testing.assert_array_equal(dx, (integers >= -128) & (integers <= 127))


class Pictures(CalibrationDataReader):
    """A few pictures of noise to calibrate with."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.pictures = iter([{"x": rng.standard_normal((1, 3, 16, 16)).astype(np.float32)} for _ in range(4)])

    def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:  # type: ignore[override] # None ends the calibration
        return next(self.pictures, None)


@pytest.mark.parametrize("rules", [PLAIN, guided(PLAIN)])
def test_a_statically_quantised_network(rules: Any, graph: Any, evaluate: Any, tmp_path: Path) -> None:
    text = (
        "a = Conv<pads=[1,1,1,1]>(x, v) b = Relu(a) c = Conv<strides=[2,2]>(b, w) d = Relu(c) "
        "e = GlobalAveragePool(d) f = Flatten(e) y = Gemm<transB=1>(f, u)"
    )
    function = graph(text, x=("N", 3, 16, 16), v=(8, 3, 3, 3), w=(16, 8, 3, 3), u=(5, 16))
    onnx.save(function.proto(), tmp_path / "float.onnx")
    unsigned = QuantType.QUInt8  # on x86 the integer kernels need it, where anything else reads the integers
    path = tmp_path / "int8.onnx"
    # Weights of 7 bits: with 8, sums of 16 bits overflow on processors without kernels for 8-bit integers.
    options = {"per_channel": True, "activation_type": unsigned, "reduce_range": True}
    quantize_static(tmp_path / "float.onnx", path, Pictures(), **options)
    quantised = graph(text, x=("N", 3, 16, 16))
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    quantised.proto = lambda *_: model
    operators = [node.op_type for node in quantised.proto().graph.node]
    assert "Relu" not in operators  # the rectifier is in QuantizeLinear now
    x = function.variables(rows=2)["x"]
    dy = np.eye(5, dtype=np.float32)[[1, 3]]
    wanted, got = (evaluate(g.gradient(rules=rules), {"x": x, "dy": dy})["dx"] for g in (function, quantised))
    assert np.corrcoef(wanted.ravel(), got.ravel())[0, 1] > 0.97

    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(quantised.gradient(rules=rules).SerializeToString(), options, ["CPUExecutionProvider"])
    kernels = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert kernels.count("QLinearConv") == 2  # the gradient leaves the integer kernels alone


def test_what_the_gradient_reads_is_dequantised_for_it_alone(graph: Any) -> None:
    function = graph(
        "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) k = HardSwish(d) h = Add(k, k) "
        "p = QuantizeLinear(h, s, z) "
        "y = DequantizeLinear(p, s, z)",
        x=("N", 3),
        s=np.float32(0.1),
        z=np.uint8(0),
    )
    nodes = {output: node for node in function.gradient().graph.node for output in node.output}
    readers = {name: [node.op_type for node in nodes.values() if name in node.input] for name in ("d", "h", "y")}
    assert readers == {"d": ["HardSwish"], "h": ["QuantizeLinear"], "y": []}  # the forward pass alone
    assert [node.op_type for node in nodes.values()].count("DequantizeLinear") == 2
