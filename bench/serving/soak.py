"""Many requests of mixed kinds, one in ten malformed: ``python -m bench.serving.soak [--requests N] [--clients C]``.

The service has the default model and two of the tests' small ones. The answer to each request must have the status that
it deserves: 200, or of a malformed one the client's error. The resident memory is printed as it goes.
"""

from __future__ import annotations

import argparse
import collections
import http.client
import itertools
import json
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.configurations import REPOSITORY
from bench.serving.__main__ import resident, wait_until_ready
from bench.serving.requests import INFER, MODEL, binary_request, json_request

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATA = REPOSITORY / "tests/data"
_REPORTED = 1000
_JSON_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request.

    Attributes:
        name: Its name in the report.
        weight: How often it comes, beside the others.
        status: What it must be answered with; 0 is nothing, since the client goes away.
        path: Its path.
        body: Its body.
        headers: Its headers.
    """

    name: str
    weight: int
    status: int
    path: str
    body: bytes
    headers: dict[str, str]


def kinds() -> list[Kind]:
    """All kinds; of a thousand requests, a hundred are malformed."""
    zero, one, two = (binary_request(level) for level in (0, 1, 2))
    photograph = (_DATA / "chelsea.jpg").read_bytes()
    small = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).round(3)
    inputs = [{"name": "image", "shape": [2, 3, 8, 8], "datatype": "FP32", "data": small.tolist()}]
    tiny = json.dumps({"inputs": inputs}).encode()
    guided = json.dumps({"inputs": inputs, "outputs": [{"name": "onnxcam.guided_gradients"}]}).encode()
    on_pooled, on_toy = "/v2/models/pooled/infer", "/v2/models/toy/infer"
    return [
        Kind("level 0, binary", 120, 200, INFER, zero[0], {_JSON_LENGTH: str(zero[1])}),
        Kind("level 1, binary", 40, 200, INFER, one[0], {_JSON_LENGTH: str(one[1])}),
        Kind("level 2, binary", 5, 200, INFER, two[0], {_JSON_LENGTH: str(two[1])}),
        Kind("level 0, JSON", 5, 200, INFER, json_request(0), {}),
        Kind("picture to JSON", 15, 200, "/explain?target=-2", photograph, {}),
        Kind("picture to JPEG", 5, 200, "/explain?format=jpeg", photograph, {}),
        Kind("small model, level 0", 350, 200, on_pooled, tiny, {}),
        Kind("small model, level 2", 260, 200, on_pooled, guided, {}),
        Kind("small model, picture", 100, 200, "/v1/models/pooled:explain", photograph, {}),
        Kind("no JSON", 10, 400, on_toy, b'{"inputs": [', {}),
        Kind("wrong shape", 10, 400, on_toy, tiny.replace(b'"image"', b'"input"'), {}),
        Kind("wrong size of binary data", 10, 400, INFER, zero[0][:-4], {_JSON_LENGTH: str(zero[1])}),
        Kind("wrong length of JSON", 10, 400, on_toy, tiny, {_JSON_LENGTH: "999999999"}),
        Kind("no such model", 10, 404, "/v2/models/none/infer", tiny, {}),
        Kind("no such output", 10, 400, on_pooled, guided.replace(b"guided_gradients", b"nothing"), {}),
        Kind("half a picture", 10, 400, "/explain", photograph[: len(photograph) // 2], {}),
        Kind("no form", 10, 400, "/explain", b"garbage", {"Content-Type": "multipart/form-data; boundary=x"}),
        Kind("compressed", 10, 415, on_toy, tiny, {"Content-Encoding": "gzip"}),
        Kind("client that goes away", 10, 0, INFER, zero[0], {_JSON_LENGTH: str(zero[1])}),
    ]


def main() -> None:
    """Runs the soak; the exit code is 1 if an answer had another status or the service failed."""
    parser = argparse.ArgumentParser(prog="bench.serving.soak")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=600, help="stop sooner")
    arguments = parser.parse_args()
    with socket.socket() as free, tempfile.TemporaryFile("w+") as log:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        models = [str(MODEL), str(_DATA / "pooled.onnx"), str(_DATA / "toy.onnx")]
        command = [
            sys.executable,
            "-m",
            "onnxcam",
            "serve",
            *models,
            "--quiet",
            "--timeout",
            "600",
            "--port",
            str(port),
        ]
        with subprocess.Popen(command, stderr=log) as process:
            try:
                wait_until_ready(port)
                wrong = _soak(port, process.pid, arguments)
            finally:
                process.terminate()
        log.seek(0)
        failures = [line for line in log if '"level":"error"' in line or '"status":5' in line]
    sys.stdout.write(f"exit code {process.returncode}, {len(failures)} failures in the log, {wrong} wrong answers\n")
    sys.exit(1 if failures or wrong or process.returncode else 0)


def _soak(port: int, process: int, arguments: argparse.Namespace) -> int:
    """Sends all requests and reports; the number of wrong answers."""
    every, counts, wrong = kinds(), collections.Counter[str](), collections.Counter[str]()
    numbers, lock = iter(range(arguments.requests)), threading.Lock()
    end = time.monotonic() + 60 * arguments.minutes

    def client(seed: int) -> None:
        choice, connection = random.Random(seed), http.client.HTTPConnection("127.0.0.1", port, timeout=60)  # noqa: S311
        weights = [kind.weight for kind in every]
        while True:
            with lock:
                number = next(numbers, None)
            if number is None or time.monotonic() > end:
                return
            (kind,) = choice.choices(every, weights)
            status = _send(connection, kind)
            with lock:
                counts[kind.name] += 1
                if status != kind.status:
                    wrong[f"{kind.name}: {status}"] += 1
            if number % _REPORTED == 0:
                sys.stdout.write(f"{number:7,} requests  resident {resident(process):5.0f} MiB\n")
                sys.stdout.flush()

    clients = [threading.Thread(target=client, args=(seed,)) for seed in range(arguments.clients)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    for line in itertools.chain(_lines(counts), _lines(wrong)):
        sys.stdout.write(line)
    sys.stdout.write(f"{sum(counts.values()):7,} requests  resident {resident(process):5.0f} MiB\n")
    return sum(wrong.values())


def _send(connection: http.client.HTTPConnection, kind: Kind) -> int:
    """The status of the answer."""
    if kind.status == 0:
        with socket.create_connection((connection.host, connection.port)) as leaving:
            head = f"POST {kind.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(kind.body)}\r\n\r\n"
            leaving.sendall(head.encode() + kind.body[: len(kind.body) // 2])
        return 0
    try:
        connection.request("POST", kind.path, kind.body, kind.headers)
        answer = connection.getresponse()
    except ConnectionError:  # the service closes a connection that was idle; if it has gone, the next error is raised
        connection.close()
        connection.request("POST", kind.path, kind.body, kind.headers)
        answer = connection.getresponse()
    answer.read()
    return answer.status


def _lines(counts: collections.Counter[str]) -> Iterator[str]:
    return (f"{count:7,}  {name}\n" for name, count in counts.most_common())


if __name__ == "__main__":
    main()
