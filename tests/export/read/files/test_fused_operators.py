"""Files that ONNX Runtime optimised and saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest

from onnx_text import model
from onnxcam import Explainer
from onnxcam_export import OperatorError, SourceError, export

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

ACTIVATIONS = ["Relu", "Sigmoid", "Tanh", "LeakyRelu <alpha = 0.2>", "HardSigmoid <alpha = 0.3, beta = 0.4>"]


def network(activation: str) -> onnx.ModelProto:
    return model(
        f"""g (float[N,3,12,12] x) => (float[N,5] y) {{
            c = Conv(x, w1, b1)
            r = {activation}(c)
            d = Conv(r, w2)
            e = Add(d, r2)
            p = GlobalAveragePool(e)
            f = Flatten(p)
            y = Gemm(f, w3)
        }}""",
        w1=(8, 3, 3, 3),
        b1=(8,),
        w2=(8, 8, 1, 1),
        r2=(1, 8, 1, 1),
        w3=(8, 5),
    )


def optimised(proto: onnx.ModelProto, path: Path, level: str) -> Path:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return path


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_fused_convolutions_are_written_out(activation: str, tmp_path: Path) -> None:
    fused = optimised(network(activation), tmp_path / "fused.onnx", "EXTENDED")
    assert b"FusedConv" in fused.read_bytes()
    reports = [export(source, tmp_path / f"{i}.onnx", layers="r") for i, source in enumerate((network(activation),))]
    reports.append(export(fused, tmp_path / "out.onnx"))
    image = np.random.default_rng(0).standard_normal((1, 3, 12, 12)).astype(np.float32)
    plain, unfused = (Explainer(report.path).run(image, [2]) for report in reports)
    np.testing.assert_allclose(unfused.scores, plain.scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(unfused.guided_backprop(), plain.guided_backprop(), rtol=1e-3, atol=1e-6)


def test_a_layout_for_one_processor_is_refused_in_words(tmp_path: Path) -> None:
    blocked = optimised(network("Relu"), tmp_path / "blocked.onnx", "ALL")
    if b"nchwc" not in blocked.read_bytes():
        pytest.skip("ONNX Runtime has no blocked layout on this processor")
    with pytest.raises(SourceError, match="optimised this file for one kind of processor"):
        export(blocked, tmp_path / "out.onnx")


HEADS = {
    "FusedMatMul <transB = 1, alpha = 0.5>": "y = com.microsoft.FusedMatMul <transB = 1, alpha = 0.5> (f, wt)",
    "Gelu": "h = com.microsoft.Gelu(f) y = MatMul(h, w)",
    "BiasGelu": "h = com.microsoft.BiasGelu(f, b) y = MatMul(h, w)",
    "FastGelu": "h = com.microsoft.FastGelu(f, b) y = MatMul(h, w)",
    "QuickGelu": "h = com.microsoft.QuickGelu <alpha = 1.3> (f) y = MatMul(h, w)",
    "SkipLayerNormalization": """n, a, i, sum = com.microsoft.SkipLayerNormalization <epsilon = 1e-5> (u, u2, g, b)
        t = Mul(n, sum) h = Squeeze(t, one) y = MatMul(h, w)""",
}


@pytest.mark.parametrize("operator", HEADS)
def test_other_fused_operators_are_written_out(operator: str, tmp_path: Path) -> None:
    unsqueezed = "u = Unsqueeze(f, one) u2 = Mul(u, u)" if operator == "SkipLayerNormalization" else ""
    proto = model(
        f"""g (float[N,3,8,8] x) => (float[N,5] y) {{
            c = Conv(x, w1) r = Relu(c) p = GlobalAveragePool(r) f = Flatten(p) {unsqueezed} {HEADS[operator]}
        }}""",
        domains=', "com.microsoft": 1',
        w1=(8, 3, 3, 3),
        w=(8, 5),
        wt=(5, 8),
        g=(8,),
        b=(8,),
        one=[1],
    )
    for node in proto.graph.node:
        node.output[:] = ["" if name in {"a", "i"} else name for name in node.output]  # only there in training
    kept = {name for node in proto.graph.node for name in node.input}
    for item in [item for item in proto.graph.initializer if item.name not in kept]:
        proto.graph.initializer.remove(item)
    image = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    (expected,) = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"x": image})
    report = export(proto, tmp_path / "out.onnx")
    np.testing.assert_allclose(Explainer(report.path).run(image, [1, 3]).scores, expected, rtol=1e-4, atol=1e-5)
    assert b"com.microsoft" not in report.path.read_bytes()


def test_what_is_not_written_out_is_told_from_the_standard(tmp_path: Path) -> None:
    proto = model(
        """g (float[N,3,8,8] x) => (float[N,5] y) {
            c = Conv(x, w1) r = Relu(c) p = GlobalAveragePool(r) f = Flatten(p)
            y = com.microsoft.CDist <metric = "euclidean"> (f, w)
        }""",
        domains=', "com.microsoft": 1',
        w1=(8, 3, 3, 3),
        w=(5, 8),
    )
    with pytest.raises(OperatorError, match="give the file from before ONNX Runtime optimised it"):
        export(proto, tmp_path / "out.onnx")
