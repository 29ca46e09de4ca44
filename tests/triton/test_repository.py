"""The written configurations in a real Triton core, asked by NVIDIA's own client."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tritonclient.http import InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from onnxcam.artifact.adapt import stated_metadata

ROOT = Path(__file__).parents[2]
MAP = "onnxcam.grad_cam/features"
GUIDED = "onnxcam.guided_gradients"
SCORES = "onnxcam.scores"


def given(**arrays):
    """The inputs of a request: ``image``, or one of the contract's by the last part of its name."""
    made = []
    for name, array in arrays.items():
        full = f"onnxcam.{name}" if name in {"level", "target", "seed"} else name
        made.append(InferInput(full, array.shape, np_to_triton_dtype(array.dtype)))
        made[-1].set_data_from_numpy(array)
    return made


def wanted(*names, binary=True):
    return [InferRequestedOutput(name, binary_data=binary) for name in names]


def expected(file, names, **feed):
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(ROOT / file, options, providers=["CPUExecutionProvider"])
    return session.run(names, {f"onnxcam.{k}" if k in {"level", "target", "seed"} else k: v for k, v in feed.items()})


def images(count, shape=(3, 224, 224)):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


def test_every_model_is_ready_and_the_manifests_are_passed_over(client, waiting):
    index = {entry["name"]: entry["state"] for entry in client.get_model_repository_index()}
    forms = {"lite0", "lite0_level0", "lite0_level1", "lite0_level2", "toy", "toy_level2", "flat", "flat_level2"}
    assert index == dict.fromkeys([*forms, waiting[0]], "READY")


@pytest.mark.parametrize("binary", [True, False])
def test_the_whole_contract_answers_at_level_0_unless_asked(client, binary):
    image = images(2)
    result = client.infer("lite0", given(image=image), outputs=wanted("softmax", SCORES, MAP, binary=binary))
    softmax, scores = expected("models/efficientnet_lite0.onnx", ["softmax", SCORES], image=image)
    np.testing.assert_allclose(result.as_numpy("softmax"), softmax, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(result.as_numpy(SCORES), scores, rtol=1e-4, atol=1e-5)
    assert result.as_numpy(MAP).shape == (0, 7, 7)


def test_the_whole_contract_explains_two_classes_of_one_image(client):
    feed = {"image": images(1), "target": np.array([504, -1])}
    sent = given(**feed, level=np.array([2]))  # Triton has no tensor without axes
    result = client.infer("lite0", sent, outputs=wanted(MAP, GUIDED))
    maps, guided = expected("models/efficientnet_lite0.onnx", [MAP, GUIDED], **feed, level=np.array(2))
    assert maps.shape == (2, 7, 7)
    np.testing.assert_allclose(result.as_numpy(MAP), maps, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(result.as_numpy(GUIDED), guided, rtol=1e-3, atol=1e-6)


def test_the_whole_contract_takes_seeds(client):
    seed = np.random.default_rng(1).normal(size=(1, 1000)).astype(np.float32)
    feed = {"image": images(1), "target": np.zeros(0, np.int64), "seed": seed}
    result = client.infer("lite0", given(**feed, level=np.array([1])), outputs=wanted(MAP))
    (maps,) = expected("models/efficientnet_lite0.onnx", [MAP], **feed, level=np.array(1))
    np.testing.assert_allclose(result.as_numpy(MAP), maps, rtol=1e-3, atol=1e-6)


def test_requests_with_a_class_each_are_joined_to_one_batch_and_parted_again(client, waiting):
    name, count = waiting
    image, target = images(count), np.array([504, 281, -1, 657])
    asked = [
        client.async_infer(name, given(image=image[i : i + 1], target=target[i : i + 1, None])) for i in range(count)
    ]
    answers = [one.get_result(timeout=60) for one in asked]
    (statistics,) = client.get_inference_statistics(name)["model_stats"]
    assert (statistics["inference_count"], statistics["execution_count"]) == (count, 1)
    for i, answer in enumerate(answers):
        feed = {"image": image[i : i + 1], "target": target[i : i + 1], "level": np.array(1)}
        maps, index = expected("models/efficientnet_lite0.onnx", [MAP, "onnxcam.class_index"], **feed)
        np.testing.assert_allclose(answer.as_numpy(MAP), maps, rtol=1e-3, atol=1e-6)
        assert answer.as_numpy("onnxcam.class_index").tolist() == [index.tolist()]


def test_a_batched_form_takes_several_images_with_a_class_each(client):
    image, target = images(3), np.array([504, 281, -2])
    result = client.infer("lite0_level2", given(image=image, target=target[:, None]))
    feed = {"image": image, "target": target, "level": np.array(2)}
    names = ["softmax", MAP, GUIDED, "onnxcam.guided_grad_cam/features"]
    for name, values in zip(names, expected("models/efficientnet_lite0.onnx", names, **feed), strict=True):
        np.testing.assert_allclose(result.as_numpy(name), values, rtol=1e-3, atol=1e-6)


def test_level_0_is_the_model_with_dynamic_batching(client):
    image = images(2)
    result = client.infer("lite0_level0", given(image=image))
    softmax, index = expected("models/efficientnet_lite0.onnx", ["softmax", "onnxcam.class_index"], image=image)
    np.testing.assert_allclose(result.as_numpy("softmax"), softmax, rtol=1e-4, atol=1e-7)
    assert result.as_numpy("onnxcam.class_index").ravel().tolist() == index.tolist()


@pytest.mark.parametrize("name", ["lite0", "lite0_level0"])
def test_labels_serve_the_classification_extension(client, name):
    asked = [InferRequestedOutput("softmax", class_count=1)]
    image = images(1)
    (answer,) = client.infer(name, given(image=image), outputs=asked).as_numpy("softmax").ravel()
    (softmax,) = expected("models/efficientnet_lite0.onnx", ["softmax"], image=image)
    value, index, label = answer.decode().split(":")
    assert int(index) == softmax.argmax()
    assert float(value) == pytest.approx(float(softmax.max()), rel=1e-3)
    assert label == stated_metadata(ROOT / "models/efficientnet_lite0.onnx").labels[int(index)]


def test_models_of_the_first_schema_give_activations_and_gradients(client):
    image, target = images(2, (1, 4, 4)) * 100, np.array([0, 2])
    result = client.infer("toy_level2", given(input=image, target=target[:, None]))
    names = ["onnxcam.activations/relu1", "onnxcam.gradients/conv1", GUIDED]
    feed = {"input": image, "target": target, "level": np.array(2)}
    for name, values in zip(names, expected("tests/data/toy.onnx", names, **feed), strict=True):
        np.testing.assert_allclose(result.as_numpy(name), values, rtol=1e-5)


def test_a_flat_model_has_both_forms(client):
    image, target = images(2, (8, 8, 3)), np.array([1, 4])
    names = [SCORES, "onnxcam.gradients/features", GUIDED]
    whole = client.infer("flat", given(image=image, target=target))
    joined = client.infer("flat_level2", given(image=image, target=target[:, None]))
    for name, values in zip(names, expected("tests/data/flat.onnx", names, image=image, target=target), strict=True):
        np.testing.assert_allclose(whole.as_numpy(name), values, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(joined.as_numpy(name), values, rtol=1e-4, atol=1e-6)


def test_a_batched_form_refuses_a_request_without_its_class(client):
    with pytest.raises(InferenceServerException, match=r"expected 2 inputs but got 1 inputs"):
        client.infer("lite0_level1", given(image=images(1)))
