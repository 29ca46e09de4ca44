from onnxcam.execution.model import LoadedModel
from onnxcam.execution.tensor_types import TensorType


def test_inputs_with_a_default_come_last(toy):
    assert toy.model.takes == (
        TensorType("input", "float32", (None, 1, 4, 4)),
        TensorType("onnxcam.level", "int64", (), optional=True),
        TensorType("onnxcam.target", "int64", (None,), optional=True),
    )


def test_outputs_are_in_the_order_of_the_graph(toy):
    assert toy.model.gives[:3] == (
        TensorType("output", "float32", (None, 4)),
        TensorType("onnxcam.scores", "float32", (None, 4)),
        TensorType("onnxcam.class_index", "int64", (None,)),
    )


def test_a_fixed_level_is_no_input(data):
    model = LoadedModel(data / "toy.onnx", ["cpu"], threads=1, level=1)
    assert [tensor.name for tensor in model.takes] == ["input", "onnxcam.target"]
