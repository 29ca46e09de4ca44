"""The start of ``onnxcam serve`` and its memory, beside the plain model's process: ``python -m bench.serving.start``.

The plain process imports ONNX Runtime, opens the network that the default model was made from with the default options,
and runs it. The service answers as many requests for the scores, then for Grad-CAM, one at a time.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

from bench.configurations import DEFAULT_MODEL, Configuration
from bench.exports import export_path
from bench.serving.__main__ import resident, wait_until_ready
from bench.serving.requests import INFER, binary_request

_RUNS = 20
_PLAIN = f"""if True:
    import sys
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    feed = {{session.get_inputs()[0].name: np.zeros((1, 3, 224, 224), np.float32)}}
    for _ in range({_RUNS}):
        session.run(None, feed)
    print(flush=True)
    sys.stdin.read()
"""


def main() -> None:
    """Measures several times and prints the least start and the median memory."""
    parser = argparse.ArgumentParser(prog="bench.serving.start")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    starts, idle, at_work, plain = zip(*((*_service(), _plain()) for _ in range(rounds)), strict=True)
    sys.stdout.write(
        f"start to ready {min(starts):.2f} s (median {statistics.median(starts):.2f} s)\n"
        f"resident {statistics.median(idle):.0f} MiB when ready, {statistics.median(at_work):.0f} MiB after requests "
        f"for levels 0 and 1, {statistics.median(plain):.0f} MiB of the plain model's process\n"
    )


def _service() -> tuple[float, float, float]:
    """The seconds to ready, and the resident memory then and after requests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "onnxcam", "serve", "--quiet", "--port", str(port)]
    start = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_ready(port)
            seconds, idle = time.perf_counter() - start, resident(process.pid)
            for level in (0, 1):
                for _ in range(_RUNS):
                    _ask(port, level)
            return seconds, idle, resident(process.pid)
        finally:
            process.terminate()


def _ask(port: int, level: int) -> None:
    body, length = binary_request(level)
    headers = {"Inference-Header-Content-Length": str(length), "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{INFER}", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        answer.read()


def _plain() -> float:
    """The resident memory of the plain model's process."""
    configuration = Configuration("plain", DEFAULT_MODEL)
    path = export_path(configuration)
    if not path.exists():
        made = json.dumps(dataclasses.asdict(configuration))
        subprocess.run([sys.executable, "-m", "bench.exports", made], check=True, capture_output=True)
    command = [sys.executable, "-c", _PLAIN, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("there are no pipes")
        process.stdout.readline()
        found = resident(process.pid)
        process.stdin.close()
    return found


if __name__ == "__main__":
    main()
