from pathlib import Path

import pytest

from onnxcam import default_model
from onnxcam.serving.exchange.failures import ServiceError
from onnxcam.serving.names import named_models


def test_a_model_is_named_by_its_file_or_by_the_user():
    assert named_models(["a.onnx", "b=models/x.onnx"]) == {"a": Path("a.onnx"), "b": Path("models/x.onnx")}


def test_without_arguments_it_is_the_default_model():
    assert named_models([]) == {"efficientnet_lite0": default_model()}


def test_the_first_sign_ends_the_name():
    assert named_models(["c=d=e.onnx"]) == {"c": Path("d=e.onnx")}


def test_two_models_of_one_name():
    with pytest.raises(ServiceError, match=r"two models have the name a, a.onnx and b/a.onnx; name one of them"):
        named_models(["a.onnx", "b/a.onnx"])


@pytest.mark.parametrize("argument", ["my model.onnx", "ä.onnx", "=.onnx", "", "./a=b.onnx"])
def test_a_file_whose_name_no_address_can_hold(argument):
    with pytest.raises(ServiceError, match="gives no name that an address can hold; name the model, as in mine="):
        named_models([argument])
