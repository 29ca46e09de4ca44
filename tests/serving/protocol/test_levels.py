import numpy as np
import pytest

from onnxcam.artifact.adapt import stated_metadata
from onnxcam.errors import MethodError
from onnxcam.serving.exchange.failures import RequestError
from onnxcam.serving.protocol.levels import level_of, requested_level, without_higher

LEVELS = {
    "softmax": 0,
    "onnxcam.scores": 0,
    "onnxcam.class_index": 0,
    "onnxcam.activations/layer": 1,
    "onnxcam.gradients/layer": 1,
    "onnxcam.grad_cam/layer": 1,
    "onnxcam.guided_gradients": 2,
    "onnxcam.guided_grad_cam/layer": 2,
    "onnxcam.input_gradients": 2,
}


def test_the_lowest_level_of_each_output():
    assert {name: level_of(name) for name in LEVELS} == LEVELS


def test_the_outputs_decide_unless_a_level_is_sent(data):
    metadata = stated_metadata(data / "toy.onnx")
    assert requested_level(None, ["output", "onnxcam.gradients/relu1"], metadata, 2) == 1
    assert requested_level(None, ["onnxcam.guided_gradients"], metadata, 2) == 2
    assert requested_level(None, [], metadata, 2) == 0
    assert requested_level(np.array([1]), ["onnxcam.guided_gradients"], metadata, 2) == 1
    assert requested_level(np.array(2), [], metadata, 2) == 2


def test_levels_that_there_are_not(data):
    metadata = stated_metadata(data / "toy.onnx")
    with pytest.raises(MethodError, match=r"the level is 0 .* not 3"):
        requested_level(np.array(3), [], metadata, 2)
    with pytest.raises(RequestError, match="this service gives up to level 1, and level 2 is asked for"):
        requested_level(np.array(2), [], metadata, 1)


def test_outputs_of_higher_levels_have_no_rows():
    outputs = {name: np.ones((2, 3)) for name in LEVELS}
    assert {name: len(values) for name, values in without_higher(outputs, 1).items()} == {
        name: 2 if level <= 1 else 0 for name, level in LEVELS.items()
    }
