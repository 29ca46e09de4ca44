"""A real Triton core, out of the wheel of nvidia-pytriton, that serves a repository which ``onnxcam triton`` wrote."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tritonclient.http import InferenceServerClient

from onnxcam.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SITE = Path(sysconfig.get_path("purelib"))
TRITON = SITE / "pytriton" / "tritonserver"
SECONDS_TO_START = 60


# A copy of the batched model that waits until four requests are there, which makes joining them certain.
WAITING = "lite0_level1_waiting"
JOINED = 4


@pytest.fixture
def waiting() -> tuple[str, int]:
    """The name of the model that waits, and for how many requests."""
    return WAITING, JOINED


@pytest.fixture(scope="session")
def client(tmp_path_factory) -> Iterator[InferenceServerClient]:
    folder = tmp_path_factory.mktemp("triton")
    repository, log = folder / "repository", folder / "server.log"
    for model, name, levels in [
        ("models/efficientnet_lite0.onnx", "lite0", "012"),
        ("tests/data/toy.onnx", "toy", "2"),
        ("tests/data/flat.onnx", "flat", "2"),
    ]:
        options = [option for level in levels for option in ("--level", level)]
        assert main(["triton", str(ROOT / model), str(repository), "--name", name, *options]) == 0
    _stand_in(repository)
    _waiting(repository)
    port = _free_port()
    with log.open("wb") as output:
        command = _command(repository, _backends(folder), port)
        server = subprocess.Popen(command, env=_environment(), stdout=output, stderr=output)
        try:
            client = InferenceServerClient(f"127.0.0.1:{port}", concurrency=JOINED)
            _wait(server, client, log)
            yield client
            client.close()
        finally:
            server.terminate()
            server.wait(30)


def _stand_in(repository: Path) -> None:
    """Replaces the backend's name, and nothing else, in each configuration."""
    for configuration in repository.glob("*/config.pbtxt"):
        text = configuration.read_text()
        assert text.count('backend: "onnxruntime"') == 1
        configuration.write_text(text.replace('backend: "onnxruntime"', 'backend: "python"'))
        shutil.copy(Path(__file__).with_name("model.py"), configuration.parent / "1" / "model.py")


def _waiting(repository: Path) -> None:
    shutil.copytree(repository / "lite0_level1", repository / WAITING)
    configuration = repository / WAITING / "config.pbtxt"
    waits = f"dynamic_batching {{ preferred_batch_size: [{JOINED}] max_queue_delay_microseconds: 60000000 }}"
    text = configuration.read_text().replace('"lite0_level1"', f'"{WAITING}"')
    configuration.write_text(text.replace("dynamic_batching { }", waits))


def _backends(folder: Path) -> Path:
    """The Python backend, with the stub for this version of Python beside it."""
    backends = folder / "backends"
    shutil.copytree(TRITON / "backends", backends)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = TRITON / "python_backend_stubs" / version / "triton_python_backend_stub"
    shutil.copy(stub, backends / "python")
    return backends


def _command(repository: Path, backends: Path, port: int) -> list[str]:
    return [
        str(TRITON / "bin" / "tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={backends}",
        "--http-address=127.0.0.1",
        f"--http-port={port}",
        "--allow-grpc=false",
        "--allow-metrics=false",
    ]


def _environment() -> dict[str, str]:
    """This environment's packages for the Python backend, which finds them beside the first Python of the path."""
    libraries = [SITE / "nvidia_pytriton.libs", sysconfig.get_config_var("LIBDIR")]
    path = [str(Path(sys.executable).parent), os.environ["PATH"]]
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)), "PATH": os.pathsep.join(path)}


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def _wait(server: subprocess.Popen[bytes], client: InferenceServerClient, log: Path) -> None:
    """Waits until every model is loaded, or says what the server said."""
    end = time.monotonic() + SECONDS_TO_START
    while server.poll() is None and time.monotonic() < end:
        try:
            if client.is_server_ready():
                return
        except OSError:  # it does not listen yet
            time.sleep(0.1)
    pytest.fail(f"Triton did not become ready:\n{log.read_text()[-4000:]}")
