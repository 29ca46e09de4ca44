"""Measures ``onnxcam serve``: ``python -m bench.serving [--levels …] [--clients …] [--seconds S] …``.

It needs wrk, as in ``apt-get install wrk``. The service, its load generator and the bare session share one machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from bench.serving.requests import INFER, binary_request
from onnxcam.serving.exchange.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Figures = dict[str, float]

_SCRIPT = Path(__file__).with_name("wrk.lua")
_READY = "/v2/health/ready"


def main() -> None:
    """Measures every side in turns and prints a line for each; then the round with the most answers of each."""
    arguments = _arguments()
    best: dict[tuple[int, int, str], Figures] = {}
    for _ in range(arguments.rounds):
        for level in arguments.levels:
            for side in arguments.sides:
                for clients, found in _measured(side, level, arguments):
                    _say(side, level, clients, found)
                    key = (level, clients, side)
                    best[key] = max(best.get(key, found), found, key=lambda figures: figures["requests"])
    sys.stdout.write(f"\nbest of {arguments.rounds} rounds, each beside the loop of the same level and clients\n")
    for (level, clients, side), found in best.items():
        _say(side, level, clients, found, best.get((level, clients, "loop")))


def _measured(side: str, level: int, arguments: argparse.Namespace) -> Iterator[tuple[int, Figures]]:
    """The figures of one side for each number of clients."""
    if side == "loop":
        for clients in arguments.clients:
            yield clients, _loop(level, clients, arguments)
        return
    with _server(side, arguments) as (port, process):
        path = f"/{level}" if side == "bare" else INFER
        _load(port, path, level, 2, 1)
        for clients in arguments.clients:
            time.sleep(1)  # for the requests that the load generator has left behind
            before, stages = _processor_seconds(process), _stages(port) if side == "serve" else {}
            found = _load(port, path, level, clients, arguments.seconds)
            spent = (_processor_seconds(process) - before) / max(1, found["requests"])
            found |= {"processor": spent, "resident": resident(process)}
            if stages:
                after = _stages(port)
                found |= {stage: (after[stage] - stages[stage]) / found["requests"] for stage in STAGES}
            yield clients, found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.serving")
    parser.add_argument("--levels", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sides", nargs="+", default=["loop", "bare", "serve"], choices=("loop", "bare", "serve"))
    parser.add_argument("--runs", type=int, default=os.cpu_count())
    parser.add_argument("--threads", type=int, default=0, help="of a run; 0 is the default of each side")
    parser.add_argument("--options", nargs="*", default=[], help="more options of onnxcam serve, without dashes")
    return parser.parse_args()


@contextlib.contextmanager
def _server(side: str, arguments: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """Starts a server and ends it; yields its port and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if side == "bare":
        numbers = [str(port), str(arguments.runs), str(arguments.threads)]
        command = [sys.executable, "-m", "bench.serving.bare", "serve", *numbers]
    else:
        command = [sys.executable, "-m", "onnxcam", "serve", "--quiet", "--port", str(port)]
        command += ["--runs", str(arguments.runs), *(f"--{option}" for option in arguments.options)]
        command += ["--threads", str(arguments.threads)] if arguments.threads else []
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_ready(port)
            yield port, process.pid
        finally:
            process.terminate()


def wait_until_ready(port: int, path: str = _READY) -> float:
    """The seconds until a server answers that it is ready; a bare one answers anything."""
    start = time.perf_counter()
    while time.perf_counter() - start < 60:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return time.perf_counter() - start
        except urllib.error.HTTPError as error:
            if error.code == 500:  # the bare server, which has no such path
                return time.perf_counter() - start
        except OSError:
            pass
        time.sleep(0.01)
    sys.exit("the server is not ready after a minute")


def _load(port: int, path: str, level: int, clients: int, seconds: int) -> Figures:
    body, length = binary_request(level)
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        variables = {"BODY": file.name, "TYPE": "application/octet-stream", "JSON_LENGTH": str(length)}
        command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "60s", "--latency", "-s", str(_SCRIPT)]
        return _json_of([*command, f"http://127.0.0.1:{port}{path}"], os.environ | variables)


def _loop(level: int, clients: int, arguments: argparse.Namespace) -> Figures:
    numbers = [str(level), str(clients), str(arguments.seconds), str(arguments.threads)]
    return _json_of([sys.executable, "-m", "bench.serving.bare", "loop", *numbers], dict(os.environ))


def _json_of(command: Sequence[str], variables: dict[str, str]) -> Figures:
    finished = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return dict(json.loads(finished.stdout.strip().rpartition("\n")[2]))


def _stages(port: int) -> Figures:
    """The seconds of each stage of all requests so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return {stage: float(text.partition(f'stage_seconds_sum{{stage="{stage}"}} ')[2].split()[0]) for stage in STAGES}


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> float:
    """The resident memory of a process in MiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _say(side: str, level: int, clients: int, found: Figures, loop: Figures | None = None) -> None:
    rate = found["requests"] / found["seconds"]
    line = f"{side:5}  level {level}  {clients:2} clients  {rate:6.1f}/s  p50 {found['p50'] * 1e3:6.1f} ms"
    line += f"  p99 {found['p99'] * 1e3:6.1f} ms  refused {found['refused']:.0f}  broken {found['broken']:.0f}"
    if "processor" in found:
        line += f"  processor {found['processor'] * 1e3:5.2f} ms a request  resident {found['resident']:4.0f} MiB"
    if "read" in found:
        line += "  ms " + ", ".join(f"{stage} {found[stage] * 1e3:.2f}" for stage in STAGES)
    if loop is not None:
        rates = rate / (loop["requests"] / loop["seconds"])
        line += f"  rate {rates:4.2f} of the loop's, p99 {found['p99'] / loop['p99']:4.2f} of its"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
