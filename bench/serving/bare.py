"""The bare session: ``bare serve PORT RUNS THREADS``, or ``bare loop LEVEL CLIENTS SECONDS THREADS``.

``serve`` is the least that answers over HTTP, in the arrangement of ``onnxcam serve``: uvicorn reads a body, one of
RUNS threads runs a session on the 602,112 bytes at its end, and the scores go back. It reads no JSON, checks nothing,
counts nothing and logs nothing. ``loop`` runs the same session without HTTP, from as many threads as there are clients.
Both run the default model as it is in ONNX Runtime's default session options, but for the number of threads.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime
import uvicorn

from bench.serving.requests import MODEL, OUTPUTS

_SHAPE = (1, 3, 224, 224)
_BYTES = int(np.prod(_SHAPE)) * 4


def session(threads: int) -> onnxruntime.InferenceSession:
    """The model as it is; 0 threads is ONNX Runtime's default."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])


def serve(port: int, runs: int, threads: int) -> None:
    """Serves until it is ended; the path is the level."""
    model, pool = session(threads), ThreadPoolExecutor(runs)

    def run(body: bytes, level: int) -> bytes:
        image = np.frombuffer(body, np.float32, offset=len(body) - _BYTES).reshape(_SHAPE)
        feed = {"image": image, "onnxcam.level": np.array(level)}
        return b"".join(value.tobytes() for value in model.run(OUTPUTS[level], feed))

    async def application(scope: Any, receive: Any, send: Any) -> None:
        chunks, more = [], True
        while more:
            message = await receive()
            chunks.append(message["body"])
            more = message["more_body"]
        body, level = b"".join(chunks), int(scope["path"][1:])
        content = await asyncio.get_running_loop().run_in_executor(pool, run, body, level)
        headers = [(b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    uvicorn.run(application, port=port, lifespan="off", ws="none", log_level="warning", access_log=False)


def loop(level: int, clients: int, seconds: float, threads: int) -> dict[str, float]:
    """Runs a session from several threads at once."""
    model, latencies = session(threads), []
    feed = {"image": np.zeros(_SHAPE, np.float32), "onnxcam.level": np.array(level)}
    for _ in range(5):
        model.run(OUTPUTS[level], feed)
    end, spent = time.perf_counter() + seconds, time.process_time()

    def client() -> None:
        while (start := time.perf_counter()) < end:
            model.run(OUTPUTS[level], feed)
            latencies.append(time.perf_counter() - start)

    workers = [threading.Thread(target=client) for _ in range(clients)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    spent, (p50, p99) = time.process_time() - spent, np.percentile(latencies, [50, 99])
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = {"requests": len(latencies), "seconds": seconds, "refused": 0, "broken": 0}
    return counts | {"p50": p50, "p99": p99, "processor": spent / len(latencies), "resident": resident}


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    if what == "serve":
        serve(*map(int, numbers))
    else:
        found = loop(int(numbers[0]), int(numbers[1]), float(numbers[2]), int(numbers[3]))
        sys.stdout.write(json.dumps({key: float(value) for key, value in found.items()}) + "\n")
