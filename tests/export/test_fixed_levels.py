"""A fixed level leaves what it does not decide, and what other nodes read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxcam

if TYPE_CHECKING:
    from pathlib import Path

DATA = {"input": np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4), "onnxcam.target": np.array([1, 0])}


@pytest.fixture
def toy(data: Path) -> onnx.ModelProto:
    return onnx.load(data / "toy.onnx")


def node(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if output in node.output)


def fixed(model: onnx.ModelProto, level: int) -> onnx.ModelProto:
    """The fixed form, which is valid and gives the same."""
    content = model.SerializeToString()
    form = onnx.load_from_string(onnxcam.adapt(content, level=level))
    onnx.checker.check_model(form, full_check=True)
    got = outputs(form.SerializeToString(), DATA)
    expected = outputs(content, {**DATA, "onnxcam.level": np.array(level)})
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)
    return form


def outputs(content: bytes, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def tensors(model: onnx.ModelProto) -> set[str]:
    return {tensor.name for tensor in model.graph.initializer}


@pytest.mark.parametrize("level", [0, 1, 2])
def test_each_branch_takes_the_place_of_its_if(toy: onnx.ModelProto, level: int) -> None:
    form = fixed(toy, level)
    assert "If" not in operators(form)
    assert operators(form).count("ConvTranspose") == (level == 2)
    assert not {"onnxcam.level", "one", "two"} & tensors(form)


def test_thresholds_may_be_stored_in_either_way(toy: onnx.ModelProto) -> None:
    (threshold,) = (tensor for tensor in toy.graph.initializer if tensor.name == "two")
    assert not threshold.raw_data
    threshold.CopyFrom(numpy_helper.from_array(np.array(2), "two"))
    assert threshold.raw_data
    assert "If" not in operators(fixed(toy, 1))


def test_another_comparison_stays_with_the_level_as_a_constant(toy: onnx.ModelProto) -> None:
    comparison = node(toy, "wants_gradients")
    comparison.input[:] = ["one", "onnxcam.level"]
    for level in (1, 2):
        form = fixed(toy, level)
        assert operators(form).count("If") == 1
        assert {"onnxcam.level", "one"} <= tensors(form)


def test_a_comparison_that_another_node_reads_stays(toy: onnx.ModelProto) -> None:
    toy.graph.node.append(helper.make_node("Not", ["wants_guided"], ["is_cheap"]))
    toy.graph.output.append(helper.make_tensor_value_info("is_cheap", TensorProto.BOOL, []))
    form = fixed(toy, 1)
    assert operators(form).count("GreaterOrEqual") == 1
    assert "If" not in operators(form)
    assert outputs(form.SerializeToString(), DATA)["is_cheap"]


def test_what_a_branch_of_another_if_reads_stays(toy: onnx.ModelProto) -> None:
    shape = helper.make_tensor_type_proto(TensorProto.INT64, ["places"])
    branches = {
        name: helper.make_graph(
            [helper.make_node("Identity", [name], [f"{name}_inside"])],
            name,
            [],
            [helper.make_value_info(f"{name}_inside", shape)],
        )
        for name in ("none", "no_image")
    }
    toy.graph.initializer.append(numpy_helper.from_array(np.array(True), "always"))
    toy.graph.node.append(
        helper.make_node("If", ["always"], ["chosen"], then_branch=branches["none"], else_branch=branches["no_image"])
    )
    toy.graph.output.append(helper.make_value_info("chosen", shape))
    form = fixed(toy, 2)
    assert {"none", "no_image", "always"} <= tensors(form)
    assert operators(form).count("If") == 1
