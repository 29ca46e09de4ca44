import dataclasses

import pytest

from onnxcam import ModelError, default_model
from onnxcam.artifact.adapt import adapt, with_required_rows
from onnxcam.execution.session import open_session
from onnxcam.triton.contracts import batched, check_batch, whole_contract
from onnxcam.triton.tensors import Signature, Tensor


def opened(model):
    session, metadata = open_session(model, providers=["cpu"], threads=1)
    return Signature.of(session), metadata


@pytest.fixture(scope="module")
def whole():
    return opened(default_model())


def test_the_whole_contract_has_every_input_and_output_and_no_batching(whole):
    configuration = whole_contract("m", *whole)
    assert configuration.batch == 0
    assert [entry.name for entry in configuration.inputs if entry.optional] == [
        "onnxcam.target",
        "onnxcam.seed",
        "onnxcam.level",
    ]
    assert {entry.name: tuple(entry.dims) for entry in configuration.inputs} == {
        "image": (-1, 3, 224, 224),
        "onnxcam.target": (-1,),
        "onnxcam.seed": (-1, 1000),
        "onnxcam.level": (1,),  # Triton writes a tensor without axes so
    }
    assert [entry.name for entry in configuration.outputs] == [tensor.name for tensor in whole[0].outputs]
    assert {entry.name for entry in configuration.outputs if entry.labels} == {"softmax", "onnxcam.scores"}
    assert all(entry.reshape is None for entry in (*configuration.inputs, *configuration.outputs))


@pytest.mark.parametrize(
    ("level", "outputs"),
    [
        (0, {}),
        (1, {"onnxcam.grad_cam/features": (7, 7)}),
        (
            2,
            {
                "onnxcam.grad_cam/features": (7, 7),
                "onnxcam.guided_gradients": (3, 224, 224),
                "onnxcam.guided_grad_cam/features": (3, 224, 224),
            },
        ),
    ],
)
def test_a_batched_form_has_the_finished_maps_of_its_level(level, outputs):
    make = with_required_rows if level else adapt
    configuration = batched("m", *opened(make(default_model(), level=level)), 8)
    assert configuration.batch == 8
    assert [entry.name for entry in configuration.inputs] == ["image", *(["onnxcam.target"] if level else [])]
    assert not any(entry.optional for entry in configuration.inputs)
    found = {entry.name: tuple(entry.dims) for entry in configuration.outputs}
    assert found == {"softmax": (1000,), "onnxcam.scores": (1000,), "onnxcam.class_index": (1,), **outputs}
    one = [entry for entry in (*configuration.inputs, *configuration.outputs) if tuple(entry.dims) == (1,)]
    assert all(entry.reshape == () for entry in one)  # one number for each image has no axis of its own in the model


def test_without_finished_maps_there_are_activations_and_gradients(data):
    configuration = batched("m", *opened(with_required_rows(data / "pooled.onnx", level=1)), 8)
    assert {entry.name for entry in configuration.outputs} == {
        "probabilities",
        "onnxcam.scores",
        "onnxcam.class_index",
        "onnxcam.activations/features",
        "onnxcam.gradients/features",
    }


def test_an_output_without_the_images_batch_is_left_out_of_the_batched_form(data):
    signature, metadata = opened(with_required_rows(data / "pooled.onnx", level=1))
    boxes = Tensor("boxes", "TYPE_FP32", ("found", 4))
    changed = dataclasses.replace(signature, outputs=(*signature.outputs, boxes))
    assert "boxes" not in {entry.name for entry in batched("m", changed, metadata, 8).outputs}
    assert "boxes" in {entry.name for entry in whole_contract("m", changed, metadata).outputs}


@pytest.mark.parametrize(
    "other",
    [Tensor("scale", "TYPE_FP32", ("M", 1)), Tensor("scale", "TYPE_FP32", (1,)), Tensor("scale", "TYPE_FP32", ())],
)
def test_an_input_without_the_images_batch_cannot_be_joined(whole, other):
    signature, metadata = whole
    check_batch(signature, metadata)
    changed = dataclasses.replace(signature, inputs=(*signature.inputs, other))
    with pytest.raises(ModelError, match=r"the first axis of the input scale is not an open batch; .* --no-batched"):
        check_batch(changed, metadata)


def test_a_fixed_batch_cannot_be_joined(whole):
    signature, metadata = whole
    image = dataclasses.replace(signature.inputs[0], axes=(4, 3, 224, 224))
    with pytest.raises(ModelError, match="input image is not an open batch"):
        check_batch(dataclasses.replace(signature, inputs=(image, *signature.inputs[1:])), metadata)


def test_scores_that_are_not_of_classes_have_no_labels(whole):
    signature, metadata = whole
    dense = dataclasses.replace(metadata, classes=None, score_shape=(5, 4, 4))
    assert not any(entry.labels for entry in whole_contract("m", signature, dense).outputs)
