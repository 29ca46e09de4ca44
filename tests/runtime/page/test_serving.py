import http.client
import socket
import threading

import pytest

from onnxcam.errors import OutputError
from onnxcam.page.serving import HEADERS, server


@pytest.fixture
def ask(tmp_path):
    """Asks a running server of a folder, and gives the answer and its body."""
    (tmp_path / "index.html").write_text("page")
    (tmp_path / "runtime.wasm").write_bytes(b"\0asm")
    (tmp_path / "models").mkdir()
    (tmp_path.parent / "secret.txt").write_text("secret")
    running = server(tmp_path, 0)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def request(path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", running.server_port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    yield request
    running.shutdown()
    running.server_close()
    thread.join()


def test_files_have_their_types_and_the_headers_that_give_threads(ask):
    answer, body = ask("/")
    assert (answer.status, body) == (200, b"page")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert HEADERS["Cross-Origin-Opener-Policy"] == "same-origin"
    assert HEADERS["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert ask("/runtime.wasm")[0].headers["Content-Type"] == "application/wasm"


@pytest.mark.parametrize("path", ["/models/", "/../secret.txt", "/%2e%2e/secret.txt", "/nothing"])
def test_nothing_but_the_folder_s_files(ask, path):
    answer, body = ask(path)
    assert answer.status == 404
    assert b"secret" not in body


def test_nothing_is_taken(ask):
    assert ask("/", "POST")[0].status == 501


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OutputError, match=rf"cannot serve at port {port}: .*; name another with --port"):
            server(tmp_path, port)


def test_only_this_machine_is_served(tmp_path):
    with server(tmp_path, 0) as running:
        assert running.server_address[0] == "127.0.0.1"
