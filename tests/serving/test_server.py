"""The command as a process: its start, a client that nobody here wrote, its end, and what an operator can mistake."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import onnxcam

COMMAND = [sys.executable, "-m", "onnxcam", "serve"]
SIGTERM_EXISTS = os.name == "posix"
pytestmark = pytest.mark.skipif(not SIGTERM_EXISTS, reason="a service is ended by a signal")


class Served:
    """A running service."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        listening = self.wait_for("listening")
        self.port = int(listening["address"].rpartition(":")[2])

    def wait_for(self, event: str) -> dict[str, Any]:
        for text in self.process.stderr:
            self.lines.append(json.loads(text))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"no {event} in {self.lines}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.lines += [json.loads(text) for text in self.process.stderr]
        return self.process.wait(60)


@contextlib.contextmanager
def served(*arguments: str, **variables: str) -> Iterator[Served]:
    command = [*COMMAND, "--port", "0", "--provider", "cpu", "--threads", "1", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | variables) as process:
        try:
            yield Served(process)
        finally:
            process.kill()


def failure(*arguments: str, **variables: str) -> str:
    finished = subprocess.run(
        [*COMMAND, "--port", "0", *arguments], capture_output=True, text=True, check=False, env=os.environ | variables
    )
    assert finished.returncode == 2
    last = finished.stderr.splitlines()[-1]
    assert last.startswith("onnxcam: ")
    assert "Traceback" not in finished.stderr
    return last.removeprefix("onnxcam: ")


@pytest.fixture(scope="module")
def default() -> Iterator[Served]:
    with served() as service:
        service.wait_for("ready")
        yield service


@pytest.fixture(scope="module")
def triton(default: Served) -> Any:
    client = pytest.importorskip("tritonclient.http").InferenceServerClient(f"127.0.0.1:{default.port}")
    yield client
    client.close()


@pytest.fixture(scope="module")
def reference() -> Any:
    image = np.random.default_rng(0).normal(size=(2, 3, 224, 224)).astype(np.float32)
    return onnxcam.Explainer(providers=["cpu"], threads=1).run(image, target=[3, -1], level=2)


def sent(name: str, array: Any, *, binary: bool) -> Any:
    http_client = pytest.importorskip("tritonclient.http")
    datatype = {"float32": "FP32", "int64": "INT64"}[array.dtype.name]
    tensor = http_client.InferInput(name, list(array.shape), datatype)
    return tensor.set_data_from_numpy(array, binary_data=binary)


def wanted(*names: str, binary: bool) -> Any:
    http_client = pytest.importorskip("tritonclient.http")
    return [http_client.InferRequestedOutput(name, binary_data=binary) for name in names]


def test_health_and_metadata_for_tritonclient(triton):
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("efficientnet_lite0")
    assert triton.is_model_ready("efficientnet_lite0", "1")
    assert not triton.is_model_ready("none")
    assert triton.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = triton.get_model_metadata("efficientnet_lite0")
    assert metadata["inputs"][0] == {"name": "image", "datatype": "FP32", "shape": [-1, 3, 224, 224]}
    assert {item["name"] for item in metadata["inputs"]} == {
        "image",
        "onnxcam.target",
        "onnxcam.seed",
        "onnxcam.level",
    }


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_gets_what_the_library_gives(triton, reference, binary):
    names = ["softmax", "onnxcam.scores", "onnxcam.grad_cam/features", "onnxcam.guided_gradients"]
    inputs = [
        sent("image", reference.tensor, binary=binary),
        sent("onnxcam.target", np.array([3, -1]), binary=binary),
    ]
    answer = triton.infer(
        "efficientnet_lite0", inputs, outputs=wanted(*names, binary=binary), request_id="7", model_version="1"
    )
    assert answer.get_response()["id"] == "7"
    np.testing.assert_allclose(answer.as_numpy("onnxcam.scores"), reference.scores, rtol=1e-5)
    np.testing.assert_allclose(answer.as_numpy("softmax"), reference.probabilities, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(answer.as_numpy("onnxcam.guided_gradients"), reference.guided, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(answer.as_numpy("onnxcam.grad_cam/features"), reference.grad_cam(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("level", [np.array([1]), np.array(1)])
def test_tritonclient_may_send_the_level(triton, reference, level):
    inputs = [sent("image", reference.tensor, binary=True), sent("onnxcam.level", level, binary=True)]
    answer = triton.infer("efficientnet_lite0", inputs)
    assert answer.as_numpy("onnxcam.grad_cam/features").shape == (2, 7, 7)
    assert answer.as_numpy("onnxcam.guided_gradients").shape == (0, 3, 224, 224)


def test_tritonclient_sends_seeds(triton, reference):
    seeds = np.eye(1000, dtype=np.float32)[[3, int(reference.class_index[1])]]
    inputs = [
        sent("image", reference.tensor, binary=True),
        sent("onnxcam.target", np.zeros(0, np.int64), binary=True),
        sent("onnxcam.seed", seeds, binary=True),
    ]
    answer = triton.infer("efficientnet_lite0", inputs, outputs=wanted("onnxcam.guided_gradients", binary=True))
    np.testing.assert_allclose(answer.as_numpy("onnxcam.guided_gradients"), reference.guided, rtol=1e-4, atol=1e-6)


def test_tritonclient_reads_the_errors(triton, reference):
    exception = pytest.importorskip("tritonclient.utils").InferenceServerException
    inputs = [sent("image", reference.tensor, binary=True)]
    with pytest.raises(exception, match=r"\[400\] the model has no output x; it gives softmax"):
        triton.infer("efficientnet_lite0", inputs, outputs=wanted("x", binary=True))
    with pytest.raises(exception, match="there is no model 'none'; there are efficientnet_lite0"):
        triton.infer("none", inputs)
    with pytest.raises(exception, match="compressed bodies are not taken"):
        triton.infer("efficientnet_lite0", inputs, request_compression_algorithm="gzip")


def test_many_clients_at_once_get_their_own_answers(default):
    images = np.random.default_rng(1).normal(size=(6, 1, 3, 224, 224)).astype(np.float32)
    explainer, found = onnxcam.Explainer(providers=["cpu"], threads=1), {}

    def ask(row: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", default.port, timeout=60)
        parameters = {"binary_data_size": images[row].nbytes}
        inputs = [{"name": "image", "shape": [1, 3, 224, 224], "datatype": "FP32", "parameters": parameters}]
        text = json.dumps({"inputs": inputs, "outputs": [{"name": "onnxcam.scores"}]}).encode()
        headers = {"Inference-Header-Content-Length": str(len(text))}
        connection.request("POST", "/v2/models/efficientnet_lite0/infer", text + images[row].tobytes(), headers)
        found[row] = json.loads(connection.getresponse().read())["outputs"][0]["data"]
        connection.close()

    threads = [threading.Thread(target=ask, args=(row,)) for row in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for row, image in enumerate(images):
        np.testing.assert_allclose(found[row], explainer.run(image, level=0).scores[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_that_have_begun_are_answered_before_the_end(data, number):
    with served(str(data / "toy.onnx")) as service:
        service.wait_for("ready")
        body = json.dumps({"inputs": [{"name": "input", "shape": [1, 1, 4, 4], "datatype": "FP32", "data": [1] * 16}]})
        connection = socket.create_connection(("127.0.0.1", service.port))
        head = f"POST /v2/models/toy/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:10].encode())
        other = http.client.HTTPConnection("127.0.0.1", service.port)
        other.request("GET", "/v2/health/live")  # answered, so that the service has read the beginning before
        assert other.getresponse().status == 200
        service.process.send_signal(number)
        assert service.wait_for("ending")["signal"] == signal.Signals(number).name
        connection.sendall(body[10:].encode())
        answer = b""
        while chunk := connection.recv(2**16):
            answer += chunk
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b'"model_name":"toy"' in answer
        connection.close()
        other.close()
        service.wait_for("ended")
        assert service.process.wait(60) == 0


def test_bad_requests_do_not_end_the_service(data):
    with served(str(data / "toy.onnx"), "--quiet") as service:
        service.wait_for("ready")
        for content in (
            b"GET",
            b"\x16\x03\x01\x02",
            b"POST /explain HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
            b"\0" * 2**16,
        ):
            with socket.create_connection(("127.0.0.1", service.port)) as connection:
                connection.sendall(content)
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        connection.request("GET", "/v2/health/ready")
        assert connection.getresponse().status == 200
        connection.close()
        assert service.end() == 0
    assert "failure" not in [line["event"] for line in service.lines]


def test_a_slow_body_is_not_waited_for(data):
    with served(str(data / "toy.onnx"), "--timeout", "0.2") as service:
        service.wait_for("ready")
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
            connection.sendall(b"POST /v2/models/toy/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
            answer = b""
            while chunk := connection.recv(2**16):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"the body did not arrive within 0.2 seconds" in answer


def test_a_full_queue_is_said_and_passes(data):
    with served(str(data / "toy.onnx"), "--runs", "1", "--queue", "1") as service:
        service.wait_for("ready")
        head = b"POST /v2/models/toy/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
        waiting = [socket.create_connection(("127.0.0.1", service.port), timeout=60) for _ in range(2)]
        for connection in waiting:
            connection.sendall(head)
        other = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        statuses = set()
        while 503 not in statuses:  # the two must have been read first
            other.request("POST", "/v2/models/toy/infer", b"{}")
            answer = other.getresponse()
            statuses.add(answer.status)
            content = answer.read()
        assert answer.headers["Retry-After"] == "1"
        assert json.loads(content)["error"].startswith("2 requests are running or waiting, which is the limit")
        for connection in waiting:
            connection.sendall(b"{}")
            assert connection.recv(2**16).startswith(b"HTTP/1.1 400 ")
            connection.close()
        while True:
            other.request("POST", "/v2/models/toy/infer", b"{}")
            answer = other.getresponse()
            answer.read()
            if answer.status == 400:
                break
        other.close()


def test_a_token_from_the_environment_and_from_a_file(data, tmp_path):
    file = tmp_path / "token"
    file.write_text("from-the-file\n", encoding="ascii")
    for arguments, token in (([], "from-the-environment"), (["--token-file", str(file)], "from-the-file")):
        with served(str(data / "toy.onnx"), *arguments, ONNXCAM_TOKEN="from-the-environment") as service:  # noqa: S106
            service.wait_for("ready")
            for given, status in ((token, 200), ("other", 401)):
                connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
                connection.request("GET", "/v2", headers={"Authorization": f"Bearer {given}"})
                assert connection.getresponse().status == status
                connection.close()


def test_it_listens_at_the_loopback_alone_unless_told_otherwise(data):
    with served(str(data / "toy.onnx")) as service:
        assert service.lines[0]["address"].startswith("http://127.0.0.1:")
    with served(str(data / "toy.onnx"), "--host", "0.0.0.0") as service:  # noqa: S104
        assert "without a token" in service.wait_for("open")["message"]


def test_a_port_in_use(data):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        sentence = failure(str(data / "toy.onnx"), "--port", str(port))
    assert sentence == (
        f"cannot listen at 127.0.0.1, port {port}: the port is in use; choose another with --port, or end the program "
        "that has it"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.onnx"], "there is no model none.onnx"),
        (["DATA/coffee.jpg"], "DATA/coffee.jpg is not a model that ONNX Runtime can load: "),
        (["DATA/endless.onnx"], "DATA/endless.onnx"),
        (["DATA/toy.onnx", "DATA/toy.onnx"], "two models have the name toy, "),
        (["a=DATA/toy.onnx", "a=DATA/pooled.onnx"], "two models have the name a, "),
        (["a b.onnx"], "a b.onnx gives no name that an address can hold; name the model, as in mine=a b.onnx"),
        (["--host", "192.0.2.1"], "cannot listen at 192.0.2.1, port 0: this machine does not have the address"),
        (["--host", "no host"], "'no host' is no address to listen at: "),
        (["--token-file", "none"], "cannot read the token from none: No such file or directory"),
        (
            ["--token-file", "DATA/coffee.jpg"],
            "the token in DATA/coffee.jpg must be 8 to 4096 visible ASCII characters",
        ),
        (["--port", "70000"], "Invalid value for '--port': "),
        (["--provider", "nonsense"], "there is no execution provider 'nonsense'"),
    ],
)
def test_what_an_operator_can_mistake(data, arguments, sentence):
    found = failure(*(argument.replace("DATA", str(data)) for argument in arguments))
    assert found.startswith(sentence.replace("DATA", str(data)))


@pytest.mark.parametrize("token", ["", "short", "with a blank", "ümlaut-in-it"])
def test_a_token_that_is_none(data, token):
    assert re.match(
        r"the token in \$ONNXCAM_TOKEN must be 8 to 4096 visible ASCII characters without blanks; make one with: ",
        failure(str(data / "toy.onnx"), ONNXCAM_TOKEN=token),
    )


def test_a_model_whose_outputs_are_not_those_of_its_export(data, tmp_path):
    content = (data / "toy.onnx").read_bytes()
    start = re.compile(rb'"golden":\{.*?"scores":\[-?').search(content).end()
    digit = b"1" if content[start : start + 1] != b"1" else b"2"
    path = tmp_path / "other.onnx"
    path.write_bytes(content[:start] + digit + content[start + 1 :])
    finished = subprocess.run([*COMMAND, "--port", "0", str(path)], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "differs from its export in scores; try another provider, or export it again" in finished.stderr


def test_without_the_extra_the_command_says_how_to_install_it():
    code = """if True:
        import sys
        sys.modules["uvicorn"] = None
        from onnxcam.cli import main
        sys.exit(main(["serve"]))
    """
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert finished.stderr == (
        "onnxcam: 'serve' needs uvicorn, which is not installed; install it with: pip install 'onnxcam[serve]'\n"
    )
