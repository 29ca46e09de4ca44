import json

import pytest
from starlette.testclient import TestClient

from onnxcam.errors import ModelError, PictureError, RunTimeoutError
from onnxcam.serving.application import application
from onnxcam.serving.exchange.failures import RequestError, sentence_of, status_of

TOKEN = "0123456789abcdef"  # noqa: S105


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_with_a_token_everything_but_health_and_the_page_needs_it(made):
    with TestClient(application(made(token=TOKEN))) as client:
        for path in ("/v2/health/live", "/v2/health/ready", "/"):
            assert client.get(path).status_code == 200
        for method, path in (
            ("GET", "/v2"),
            ("GET", "/v2/models/toy"),
            ("GET", "/v2/models/toy/ready"),
            ("GET", "/metrics"),
            ("POST", "/explain"),
            ("POST", "/v2/models/toy/infer"),
        ):
            answer = client.request(method, path)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.json()["error"].startswith("the token is missing or wrong; send the header")
            assert client.request(method, path, headers=bearer(TOKEN)).status_code != 401


@pytest.mark.parametrize("sent", ["", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", "Bearer é"])
def test_other_tokens(made, sent):
    with TestClient(application(made(token=TOKEN))) as client:
        assert client.get("/v2", headers={"Authorization": sent.encode("latin-1")}).status_code == 401


def test_the_scheme_is_read_in_any_case(made):
    with TestClient(application(made(token=TOKEN))) as client:
        assert client.get("/v2", headers={"Authorization": f"bearer  {TOKEN} "}).status_code == 200


def test_the_id_is_the_clients_if_it_is_a_name(client):
    assert client.get("/v2", headers={"X-Request-Id": "a-1.b:2"}).headers["X-Request-Id"] == "a-1.b:2"
    ids = {client.get("/v2", headers={"X-Request-Id": sent}).headers["X-Request-Id"] for sent in ("", "a b", "x" * 65)}
    assert len(ids) == 3
    assert {len(found) for found in ids} == {16}


def test_a_fault_of_the_service_is_logged_and_the_service_goes_on(made, monkeypatch):
    service = made()

    def broken(*_):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(service.models["toy"], "at", broken)
    with TestClient(application(service)) as client:
        inputs = [{"name": "input", "shape": [1, 1, 4, 4], "datatype": "FP32", "data": [0] * 16}]
        answer = client.post("/v2/models/toy/infer", json={"inputs": inputs})
        assert answer.status_code == 500
        assert answer.json()["error"].startswith("the service failed; its log says more of request ")
        assert client.get("/v2/health/ready").status_code == 200
    lines = [json.loads(line) for line in service.log._stream.getvalue().splitlines()]
    (failed,) = [line for line in lines if line["event"] == "failure"]
    assert failed["error"] == "ZeroDivisionError: a secret"
    assert failed["id"] == answer.headers["X-Request-Id"]
    assert "test_frame.py:" in failed["place"]


def test_whose_fault_an_error_is():
    assert status_of(RequestError(413, "")) == 413
    assert status_of(RunTimeoutError("")) == 504
    assert status_of(ModelError("")) == 500
    assert status_of(PictureError("")) == 400


def test_a_sentence_is_one_line():
    assert sentence_of(ValueError("a\n  b\x1b")) == "a b\\x1b"
