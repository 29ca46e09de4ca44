import io
import json

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import onnxcam
from onnxcam.methods import METHODS
from onnxcam.serving.application import application
from onnxcam.serving.models import Opening
from onnxcam.serving.running.limits import Limits


@pytest.fixture(scope="module")
def pooled(data):
    return onnxcam.Explainer(data / "pooled.onnx", providers=["cpu"], threads=1)


@pytest.fixture(scope="module")
def picture() -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def size_of(answer) -> tuple[str, tuple[int, int]]:
    with Image.open(io.BytesIO(answer.content)) as image:
        image.load()
        return image.format, image.size


def test_json(client, pooled, picture):
    label = pooled.labels[1]
    answer = client.post("/explain", content=picture, params={"target": [label, "-1"], "top": 2})
    assert answer.status_code == 200
    found, expected = answer.json(), pooled.explain(picture, [label, -1], level=1)
    assert (found["model"], found["image"]["size"]) == ("pooled", [60, 40])
    assert [item["index"] for item in found["classes"]] == [item.index for item in expected.top(2)]
    assert [item["index"] for item in found["explained"]] == expected.class_index.tolist()
    maps = [item["methods"]["grad-cam"] for item in found["explained"]]
    np.testing.assert_allclose([item["values"] for item in maps], expected.grad_cam(), rtol=1e-6)
    assert found["explained"][0]["score"] == expected.scores[0, 1]
    assert maps[0]["maximum"] == expected.grad_cam()[0].max()


def test_the_peak_and_what_the_model_saw_are_in_pixels_of_the_picture(client, pooled, picture):
    found = client.post("/explain", content=picture).json()
    values = np.array(found["explained"][0]["methods"]["grad-cam"]["values"])
    row, column = np.unravel_index(values.argmax(), values.shape)
    left, top, right, bottom = found["image"]["seen"]
    peak = found["explained"][0]["methods"]["grad-cam"]["peak"]
    expected = [
        left + (right - left) * (column + 0.5) / values.shape[1],
        top + (bottom - top) * (row + 0.5) / values.shape[0],
    ]
    assert peak == pytest.approx(expected, abs=0.1)
    assert pooled.explain(picture).photographs[0].box == pytest.approx((left, top, right, bottom), abs=0.1)


def test_gradients_at_the_input_are_described_without_their_values(client, pooled, picture):
    found = client.post("/explain", content=picture, params={"method": ["guided-backprop", "grad-cam"]}).json()
    methods = found["explained"][0]["methods"]
    expected = pooled.explain(picture).guided_backprop()[0]
    assert methods["guided-backprop"]["shape"] == list(expected.shape)
    assert methods["guided-backprop"]["maximum"] == pytest.approx(float(expected.max()))
    assert "values" not in methods["guided-backprop"]
    assert "values" in methods["grad-cam"]


@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("JPEG", "JPEG"), ("webp", "WEBP")])
def test_pictures(client, picture, name, kind):
    answer = client.post("/v1/models/pooled:explain", content=picture, params={"format": name})
    found, (width, height) = size_of(answer)
    assert found == kind
    assert width > height > 100
    assert answer.headers["Content-Type"] == f"image/{kind.lower()}"


def test_a_panel_for_each_method_and_a_strip_for_each_target(client, picture):
    def size(**params):
        return size_of(client.post("/explain", content=picture, params={"format": "png"} | params))[1]

    one = size()
    assert size(method="all")[0] > 1.8 * one[0]
    assert size(target=["0", "1"])[1] > 1.8 * one[1]


def test_the_header_chooses_the_format_if_no_option_does(client, picture):
    asked = {"Accept": "image/webp,image/*"}
    assert size_of(client.post("/explain", content=picture, headers=asked))[0] == "WEBP"
    assert client.post("/explain", content=picture, headers=asked, params={"format": "json"}).json()
    assert client.post("/explain", content=picture, headers={"Accept": "*/*"}).json()


def test_a_form_holds_the_picture_and_the_options(client, picture):
    fields = {"target": ["1", "2"], "format": "json"}
    answer = client.post("/v1/models/pooled:explain", data=fields, files={"photo": ("x.png", picture)})
    plain = client.post("/explain", content=picture, params={"target": ["1", "2"]})
    assert answer.status_code == 200
    assert answer.json() == plain.json()


def test_a_form_with_a_picture_beyond_a_megabyte(client):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (800, 900, 3), np.uint8)).save(file, "PNG")
    assert len(file.getvalue()) > 2**21
    answer = client.post("/explain", files={"photo": ("x.png", file.getvalue())})
    assert answer.json()["image"]["size"] == [900, 800]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"targt": "1"}, "there is no option 'targt'; there are target, method, layer, format, top"),
        ({"target": "no class"}, "there is no class 'no class'"),
        ({"target": "x" * 301}, "target is longer than 300 characters"),
        ({"target": ["0"] * 17}, "17 targets are more than the 16 that this service takes"),
        ({"target": "/etc/passwd:0"}, "there is no class '/etc/passwd:0'"),
        ({"method": "magic"}, "there is no method 'magic'; there are grad-cam, cam"),
        ({"layer": "none"}, "the model has no target layer 'none'; it has features"),
        ({"layer": ["a", "b"]}, "layer is given 2 times; give it once"),
        ({"format": "gif"}, "there is no format 'gif'; it must be one of json, png, jpg, jpeg, webp"),
        ({"top": "0"}, "top is a number from 1 to 1000, not '0'"),
        ({"top": "many"}, "top is a number from 1 to 1000, not 'many'"),
    ],
)
def test_options_that_there_are_not(client, picture, params, sentence):
    answer = client.post("/explain", content=picture, params=params)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "there is no picture in the request; send the bytes of an image file as its body"),
        (b"no picture", "the image is not an image in a format that onnxcam reads"),
        (b"\x89PNG\r\n\x1a\n", "the image is"),
    ],
)
def test_what_is_no_picture(client, content, sentence):
    answer = client.post("/explain", content=content)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(sentence)


def test_a_truncated_picture(client, picture):
    answer = client.post("/explain", content=picture[: len(picture) // 2])
    assert (answer.status_code, "damaged or truncated" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("content", "kind", "sentence"),
    [
        (b"garbage", "multipart/form-data; boundary=x", "the form is not valid: "),
        (b"garbage", "multipart/form-data", "the form is not valid: "),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x", "the form "),
        (b"", "multipart/form-data; boundary=x", "the form "),
    ],
)
def test_what_is_no_form(client, content, kind, sentence):
    answer = client.post("/explain", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(sentence)


def test_a_form_without_a_file_or_with_two(client, picture):
    answer = client.post("/explain", files={"target": (None, "1")})
    assert "the form holds no file; send a picture beside target" in answer.json()["error"]
    answer = client.post("/explain", files=[("a", ("a.png", picture)), ("b", ("b.png", picture))])
    assert (answer.status_code, answer.json()["error"].startswith("the form is not valid: Too many files")) == (
        400,
        True,
    )


def test_a_model_that_takes_no_pictures(client, picture):
    answer = client.post("/v1/models/toy:explain", content=picture)
    assert answer.status_code == 400
    assert "this model takes no pictures" in answer.json()["error"]
    assert "/v2/models/toy/infer" in answer.json()["error"]


def test_a_model_that_there_is_not(client, picture):
    answer = client.post("/v1/models/none:explain", content=picture)
    assert (answer.status_code, answer.json()["error"]) == (
        404,
        "there is no model 'none'; there are pooled, toy, flat",
    )


def test_a_service_of_level_1_gives_maps_alone(made, picture):
    with TestClient(application(made(opening=Opening(["cpu"], threads=1, level=1)))) as client:
        answer = client.post("/explain", content=picture, params={"method": "guided-backprop"})
        assert answer.json() == {"error": "guided-backprop needs level 2, and this service gives up to level 1"}
        answer = client.post("/explain", content=picture, params={"method": "all"})
        assert list(answer.json()["explained"][0]["methods"]) == ["grad-cam"]


def test_too_large_a_body(made, picture):
    with TestClient(application(made(limits=Limits(body=1000, runs=1)))) as client:
        assert client.post("/explain", content=picture).status_code == 413


def test_the_page_is_whole_and_loads_nothing_from_elsewhere(client):
    answer = client.get("/")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "<script>" in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text


def test_the_page_offers_every_method(client):
    page = client.get("/").text
    assert [method for method in (*METHODS, "all") if f"<option>{method}</option>" not in page] == []


def test_metrics(client, picture):
    client.post("/explain", content=picture)
    client.post("/explain", content=b"x")
    client.post("/v2/models/toy/infer", json={"inputs": []})
    client.get("/v2/models/none")
    client.get("/nowhere")
    lines = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if line[0] != "#")
    assert lines['onnxcam_requests_total{model="",route="explain",status="200"}'] == "1.0"
    assert lines['onnxcam_errors_total{cause="client",model="",route="explain"}'] == "1.0"
    assert lines['onnxcam_errors_total{cause="client",model="toy",route="infer"}'] == "1.0"
    assert lines['onnxcam_requests_total{model="",route="metadata",status="404"}'] == "1.0"
    assert lines['onnxcam_requests_total{model="",route="none",status="404"}'] == "1.0"
    assert lines['onnxcam_stage_seconds_count{stage="run"}'] == "1.0"
    assert lines["onnxcam_run_images_sum"] == "1.0"
    assert lines["onnxcam_waiting_requests"] == lines["onnxcam_running"] == "0.0"
    assert float(lines["process_resident_memory_bytes"]) > 1e7


def test_errors_are_json_in_one_line(client):
    answer = client.post("/explain", content=b"x", params={"target": "a\nb\u202e\x1b[2J"})
    assert json.loads(answer.content)["error"].isprintable()
