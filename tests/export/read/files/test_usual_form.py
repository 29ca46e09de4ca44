"""What files write in a form of their own is read as the usual one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest

from onnx_text import model, small
from onnxcam import Explainer
from onnxcam_export import SourceError, export

if TYPE_CHECKING:
    from pathlib import Path


def explained(source: onnx.ModelProto, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The gradient at the layer r of class 3, and that by hand: ``w2 / 144`` at each place."""
    export(source, path, layers="r")
    weights = onnx.numpy_helper.to_array(next(w for w in source.graph.initializer if w.name == "w2"))
    image = np.random.default_rng(0).standard_normal((2, 3, 12, 12)).astype(np.float32)
    found = Explainer(path).run(image, 3).gradients["r"]
    return found, np.broadcast_to(weights[:, 3, None, None] / 144, found.shape)


@pytest.mark.parametrize("opset", [17, 20])
def test_the_long_name_of_the_default_domain(opset: int, tmp_path: Path) -> None:
    source = small(opset=opset)
    source.opset_import[0].domain = "ai.onnx"
    source.graph.node[1].domain = "ai.onnx"
    np.testing.assert_allclose(*explained(source, tmp_path / "out.onnx"), rtol=1e-5)


def test_both_names_of_the_default_domain(tmp_path: Path) -> None:
    source = small()
    source.opset_import.add(domain="ai.onnx", version=20)
    np.testing.assert_allclose(*explained(source, tmp_path / "out.onnx"), rtol=1e-5)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_no_images_is_any_batch(size: int, tmp_path: Path) -> None:
    source = small()
    for value in (*source.graph.input, *source.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = size
    np.testing.assert_allclose(*explained(source, tmp_path / "out.onnx"), rtol=1e-5)


def renamed(source: onnx.ModelProto, names: dict[str, str]) -> onnx.ModelProto:
    for value in (*source.graph.input, *source.graph.output, *source.graph.initializer):
        value.name = names.get(value.name, value.name)
    for node in source.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return source


def test_inner_values_with_the_names_of_the_contract(tmp_path: Path) -> None:
    taken = {"c": "onnxcam.seed", "p": "onnxcam/If_1", "w1": "onnxcam.level", "f": "original.f"}
    np.testing.assert_allclose(*explained(renamed(small(), taken), tmp_path / "out.onnx"), rtol=1e-5)


@pytest.mark.parametrize(("kind", "names"), [("input", {"x": "onnxcam.target"}), ("output", {"y": "onnxcam.scores"})])
def test_inputs_and_outputs_with_the_names_of_the_contract(kind: str, names: dict[str, str], tmp_path: Path) -> None:
    (name,) = names.values()
    with pytest.raises(SourceError, match=rf"the model has an {kind} named '{name}', .*; rename it"):
        export(renamed(small(), names), tmp_path / "out.onnx")


def test_an_initializer_of_old_files_that_is_an_input_too(tmp_path: Path) -> None:
    source = renamed(small(opset=9, ir_version=3), {"b1": "onnxcam.seed"})
    for weight in source.graph.initializer:
        source.graph.input.append(onnx.helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims))
    np.testing.assert_allclose(*explained(source, tmp_path / "out.onnx"), rtol=1e-5)


def test_names_within_branches(tmp_path: Path) -> None:
    source = model(
        """g (float[N,3,12,12] x, bool flag) => (float[N,5] y, float z) {
            c = Conv <pads = [1, 1, 1, 1]> (x, w1)
            r = Relu(c)
            p = GlobalAveragePool(r)
            f = Flatten(p)
            y = Gemm(f, w2)
            e = If (flag) <
                then_branch = a () => (float[N,4,12,12] d) { d = Neg(c) },
                else_branch = b () => (float[N,4,12,12] d) { d = Identity(c) }
            >
            z = ReduceMax <keepdims = 0> (e)
        }""",
        w1=(4, 3, 3, 3),
        w2=(4, 5),
    )
    names = {"c": "onnxcam.seed", "d": "onnxcam.target"}
    for attribute in source.graph.node[5].attribute:
        attribute.g.CopyFrom(renamed(onnx.helper.make_model(attribute.g), names).graph)
    source = renamed(source, names)
    export(source, tmp_path / "out.onnx", score_output="y")
    image = np.random.default_rng(0).standard_normal((2, 3, 12, 12)).astype(np.float32)
    feeds = {"x": image, "flag": np.array(True)}
    expected, got = (
        onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(["y", "z"], feeds)
        for file in (source.SerializeToString(), str(tmp_path / "out.onnx"))
    )
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
