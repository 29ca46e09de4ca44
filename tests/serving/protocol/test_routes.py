import io
import json
import re
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import onnxcam
from onnxcam.serving.application import application
from onnxcam.serving.models import Opening
from onnxcam.serving.running.limits import Limits
from onnxcam.serving.service import Coalescing

RAMP = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)


@pytest.fixture(scope="module")
def toy(data):
    return onnxcam.Explainer(data / "toy.onnx", providers=["cpu"], threads=1)


def tensor(name: str, array: Any) -> dict[str, Any]:
    array = np.asarray(array)
    datatype = {"float32": "FP32", "float64": "FP64", "int64": "INT64"}[array.dtype.name]
    return {"name": name, "shape": array.shape, "datatype": datatype, "data": array.ravel().tolist()}


def ask(client: TestClient, *outputs: str, model: str = "toy", image: Any = RAMP, **inputs: Any) -> Any:
    sent = [tensor("input", image), *(tensor(f"onnxcam.{name}", value) for name, value in inputs.items())]
    request = {"inputs": sent, "outputs": [{"name": name} for name in outputs]}
    return client.post(f"/v2/models/{model}/infer", json=request)


def arrays(answer: Any) -> dict[str, np.ndarray]:
    assert answer.status_code == 200, answer.text
    return {item["name"]: np.reshape(item["data"], item["shape"]) for item in answer.json()["outputs"]}


def test_health_and_metadata(client):
    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/health/ready").status_code == 200
    assert client.get("/v2/models/toy/ready").status_code == 200
    assert client.get("/v2").json() == {
        "name": "onnxcam",
        "version": onnxcam.__version__,
        "extensions": ["binary_tensor_data"],
    }
    for path in ("/v2/models/toy", "/v2/models/toy/versions/1"):
        metadata = client.get(path).json()
        assert (metadata["name"], metadata["versions"]) == ("toy", ["1"])
        assert metadata["inputs"][0] == {"name": "input", "datatype": "FP32", "shape": [-1, 1, 4, 4]}
        assert {"name": "onnxcam.guided_gradients", "datatype": "FP32", "shape": [-1, 1, 4, 4]} in metadata["outputs"]


def test_answers_are_those_of_the_library(client, toy):
    expected = toy.run(RAMP, target=0, level=2)
    names = ["output", "onnxcam.scores", "onnxcam.activations/conv1", "onnxcam.gradients/conv1"]
    found = arrays(ask(client, *names, "onnxcam.guided_gradients", target=np.array([0])))
    np.testing.assert_array_equal(found["onnxcam.scores"], expected.scores)
    np.testing.assert_array_equal(found["onnxcam.activations/conv1"], expected.activations["conv1"])
    np.testing.assert_array_equal(found["onnxcam.gradients/conv1"], expected.gradients["conv1"])
    np.testing.assert_array_equal(
        found["onnxcam.guided_gradients"][0, 0], [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]]
    )  # as captum has it
    assert list(found) == [*names, "onnxcam.guided_gradients"]


def test_without_outputs_and_level_all_are_given_and_the_answer_has_rows(client):
    found = arrays(ask(client))
    rows = {name: len(values) for name, values in found.items()}
    assert rows == {
        "output": 1,
        "onnxcam.scores": 1,
        "onnxcam.class_index": 1,
        "onnxcam.activations/conv1": 0,
        "onnxcam.activations/relu1": 0,
        "onnxcam.gradients/conv1": 0,
        "onnxcam.gradients/relu1": 0,
        "onnxcam.guided_gradients": 0,
    }


@pytest.mark.parametrize("level", [np.array(1), np.array([1])])
def test_a_level_that_is_sent_decides(client, level):
    found = arrays(ask(client, "onnxcam.gradients/relu1", "onnxcam.guided_gradients", level=level))
    assert {name: len(values) for name, values in found.items()} == {
        "onnxcam.gradients/relu1": 1,
        "onnxcam.guided_gradients": 0,
    }


def test_several_targets_of_one_image_and_one_target_of_each_of_several(client, toy):
    found = arrays(ask(client, "onnxcam.guided_gradients", "onnxcam.class_index", target=np.array([3, -1, 0])))
    expected = toy.run(RAMP, target=[3, -1, 0], level=2)
    np.testing.assert_array_equal(found["onnxcam.guided_gradients"], expected.guided)
    np.testing.assert_array_equal(found["onnxcam.class_index"], expected.class_index)
    images = np.concatenate([RAMP, RAMP[..., ::-1] + 1])
    found = arrays(ask(client, "onnxcam.guided_gradients", image=images, target=np.array([1, 2])))
    np.testing.assert_array_equal(found["onnxcam.guided_gradients"], toy.run(images, target=[1, 2], level=2).guided)


def test_binary_tensors_in_both_directions(client, toy):
    data = {"binary_data_size": RAMP.nbytes}
    inputs = [{"name": "input", "shape": RAMP.shape, "datatype": "FP32", "parameters": data}]
    outputs = [{"name": "output"}, {"name": "onnxcam.class_index", "parameters": {"binary_data": False}}]
    request = {"id": "one", "inputs": inputs, "outputs": outputs, "parameters": {"binary_data_output": True}}
    text = json.dumps(request).encode()
    headers = {"Inference-Header-Content-Length": str(len(text)), "Content-Type": "application/octet-stream"}
    answer = client.post("/v2/models/toy/infer", content=text + RAMP.tobytes(), headers=headers)
    length = int(answer.headers["Inference-Header-Content-Length"])
    described = json.loads(answer.content[:length])
    assert described["id"] == "one"
    assert described["outputs"][0]["parameters"] == {"binary_data_size": 16}
    assert described["outputs"][1]["data"] == toy.run(RAMP).class_index.tolist()
    np.testing.assert_array_equal(np.frombuffer(answer.content[length:], "<f4")[None], toy.run(RAMP).scores)


def test_a_flat_model_gives_all_that_it_has(client):
    image = np.zeros((1, 8, 8, 3), np.float32)
    request = {"inputs": [tensor("image", image)]}
    found = arrays(client.post("/v2/models/flat/infer", json=request))
    assert len(found["onnxcam.guided_gradients"]) == 1


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/v2/models/none", 404, "there is no model 'none'; there are pooled, toy, flat"),
        ("/v2/models/toy/versions/2", 404, "toy has no version '2'; it has 1"),
        ("/v2/models/toy/versions/2/ready", 404, "toy has no version '2'; it has 1"),
        ("/v2/models/toy/infer", 405, "/v2/models/toy/infer does not take GET"),
        ("/v3", 404, "there is nothing at /v3"),
    ],
)
def test_paths_that_there_are_not(client, path, status, sentence):
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (status, {"error": sentence})


@pytest.mark.parametrize(
    ("outputs", "changes", "sentence"),
    [
        (["x"], {}, "the model has no output x; it gives output, onnxcam.scores"),
        ([], {"image": RAMP[0]}, r"input input is FP32 \[-1, 1, 4, 4\], not FP32 \[1, 4, 4\]"),
        ([], {"image": RAMP.astype(np.float64)}, r"input input is FP32 .* not FP64 \[1, 1, 4, 4\]"),
        ([], {"image": np.zeros((1, 1, 4, 5), np.float32)}, r"not FP32 \[1, 1, 4, 5\]"),
        ([], {"image": RAMP[:0]}, "input input has no images"),
        ([], {"image": np.repeat(RAMP, 17, axis=0)}, "17 images are more than the 16 that this service takes"),
        ([], {"target": np.zeros(17, np.int64)}, "17 rows to explain are more than the 16 that this service takes"),
        ([], {"target": np.array([4])}, "there is no class 4; the model has the classes 0 to 3"),
        ([], {"target": np.array([-5])}, "there is no rank -5; with 4 classes the ranks are -1"),
        ([], {"target": np.zeros(0, np.int64)}, "0 targets and 0 seeds do not fit 1 images"),
        ([], {"image": np.repeat(RAMP, 3, axis=0), "target": np.array([1, 2])}, "2 targets and 0 seeds do not fit 3"),
        ([], {"level": np.array(3)}, "the level is 0"),
        ([], {"level": np.array([1, 2])}, r"input onnxcam.level is INT64 \[1\], not INT64 \[2\]"),
        ([], {"level": np.array(1.0)}, "input onnxcam.level is INT64"),
        ([], {"seed": np.zeros((1, 4), np.float32)}, "the model has no input onnxcam.seed; it takes input, "),
    ],
)
def test_what_is_refused(client, outputs, changes, sentence):
    answer = ask(client, *outputs, **changes)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert re.search(sentence, answer.json()["error"])


def test_a_missing_input(client):
    answer = client.post("/v2/models/toy/infer", json={"inputs": []})
    assert (answer.status_code, answer.json()["error"]) == (400, "input input is missing")


def test_compressed_bodies_and_bodies_that_are_too_large(made):
    service = made(limits=Limits(body=100, runs=1))
    with TestClient(application(service)) as client:
        answer = client.post("/v2/models/toy/infer", content=b"x" * 101)
        assert (answer.status_code, "100 bytes" in answer.json()["error"]) == (413, True)
        chunks = iter([b"x" * 60, b"x" * 60])
        assert client.post("/v2/models/toy/infer", content=chunks).status_code == 413
        answer = client.post("/v2/models/toy/infer", content=b"x", headers={"Content-Encoding": "gzip"})
        assert (answer.status_code, "compressed" in answer.json()["error"]) == (415, True)
        answer = client.post("/v2/models/toy/infer", content=b"{}", headers={"Inference-Header-Content-Length": "-1"})
        assert answer.status_code == 400


def test_a_service_of_level_1(made):
    with TestClient(application(made(opening=Opening(["cpu"], threads=1, level=1)))) as client:
        assert arrays(ask(client, "onnxcam.gradients/relu1"))["onnxcam.gradients/relu1"].shape == (1, 2, 2, 2)
        answer = ask(client, "onnxcam.guided_gradients")
        assert "onnxcam.guided_gradients is of a level above 1, the highest of this service" in answer.json()["error"]
        assert ask(client, level=np.array(2)).status_code == 400


def test_nothing_is_answered_before_the_models_are_open(made):
    service = made(is_open=False)
    with TestClient(application(service)) as client:
        assert client.get("/v2/health/live").status_code == 200
        for path in ("/v2/health/ready", "/v2/models/toy", "/v2/models/toy/ready"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert ask(client).status_code == 503
        service.open()
        assert client.get("/v2/health/ready").status_code == 200
        service.stops = True
        assert client.get("/v2/health/ready").json() == {"error": "not ready: the service ends"}


def test_requests_that_are_run_together_get_their_own_rows(made, toy):
    service = made(coalescing=Coalescing(images=4))
    images = np.random.default_rng(0).normal(size=(6, 1, 4, 4)).astype(np.float32)
    with TestClient(application(service)) as client:
        for image, target in zip(images, [0, 1, 2, 3, -1, -2], strict=True):
            found = arrays(ask(client, "onnxcam.guided_gradients", image=image[None], target=np.array([target])))
            expected = toy.run(image[None], target=target, level=2).guided
            np.testing.assert_allclose(found["onnxcam.guided_gradients"], expected, rtol=1e-6)


def test_the_log_has_a_line_for_each_request(made):
    service = made()
    with TestClient(application(service)) as client:
        ask(client, "onnxcam.scores")
        client.get("/v2/models/none", headers={"X-Request-Id": "mine"})
    stream = service.log._stream
    assert isinstance(stream, io.StringIO)
    first, second = [line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == "request"]
    assert (first["status"], first["model"], set(first["stages"])) == (
        200,
        "toy",
        {"read", "wait", "parse", "run", "write"},
    )
    assert second["id"] == "mine"
    assert second["error"].startswith("there is no model 'none'")
