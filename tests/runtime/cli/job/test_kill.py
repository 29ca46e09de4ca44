"""Jobs that are ended by ``kill -9``, which no process can catch, and continued; and by Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onnxcam import temporary

COUNT = 24

# Runs the command, and kills the process in the ``number``-th call of a function: before it, after it, or, where it
# writes bytes, after the first half of them.
KILLER = """
import os, signal, sys
from pathlib import Path
from onnxcam.cli import main
from onnxcam.line_files import LineFile

calls = 0

def killing(function, moment):
    def call(self, *arguments):
        global calls
        calls += 1
        if calls == {number} and moment == "in":
            self._file.write(arguments[0][: len(arguments[0]) // 2])
        if calls == {number} and moment in ("before", "in"):
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(self, *arguments)
        if calls == {number} and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

{owner}.{name} = killing({owner}.{name}, {moment!r})
sys.exit(main(sys.argv[1:]))
"""
POINTS = {
    "before the picture has its name": ("Path", "replace", "before", 4),
    "after the picture has its name": ("Path", "replace", "after", 4),
    "in the middle of a line": ("LineFile", "_write", "in", 1),
    "after a line": ("LineFile", "_write", "after", 4),
}


@pytest.fixture
def arguments(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(f"photos/{number:02}.png")
    return ["explain", "photos", "-m", str(data / "pooled.onnx"), "-o", "out", "--npz"]


def listed() -> list[dict]:
    """The whole lines."""
    *whole, _ = Path("out/manifest.jsonl").read_bytes().split(b"\n")
    return [json.loads(line) for line in whole]


def check_every_file_is_whole() -> None:
    for path in Path("out").glob("[!.]*.png"):
        with Image.open(path) as image:
            image.load()
    for path in Path("out").glob("[!.]*.npz"):
        with np.load(path) as arrays:
            assert arrays["grad_cam"].shape == (1, 8, 8)
    for line in listed():
        assert all((Path("out") / name).exists() for name in line["files"])


def check_resumed(arguments: list[str], before: list[dict]) -> None:
    """The job goes on where it was: what was listed stays, and everything is done once."""
    for leftover in Path("out").glob(".onnxcam-*"):  # as if some seconds had passed
        long_ago = leftover.stat().st_mtime - 10 * temporary._YOUNG
        os.utime(leftover, (long_ago, long_ago))
    again = subprocess.run(
        [sys.executable, "-m", "onnxcam", *arguments, "--resume"], capture_output=True, text=True, check=True
    )
    assert f"{COUNT - len(before)} of {COUNT} images explained" in again.stderr
    assert len(again.stdout.splitlines()) == COUNT - len(before)
    assert listed()[: len(before)] == before
    assert [line["path"] for line in listed()] == [f"photos/{number:02}.png" for number in range(COUNT)]
    names = {name for line in listed() for name in line["files"]}
    assert {path.name for path in Path("out").iterdir()} == names | {"manifest.jsonl"}
    check_every_file_is_whole()


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_certain_moment(arguments, point):
    owner, name, moment, number = POINTS[point]
    code = KILLER.format(owner=owner, name=name, moment=moment, number=number)
    killed = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    before = listed()
    assert 0 <= len(before) <= number
    check_every_file_is_whole()
    check_resumed(arguments, before)


@pytest.mark.parametrize("lines", [1, 11])
def test_killed_at_any_moment(arguments, lines):
    command = [sys.executable, "-u", "-m", "onnxcam", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told += process.stdout.read().splitlines()
    before = listed()
    assert len(before) >= len([line for line in told if line.startswith("photos/")]) >= lines
    check_every_file_is_whole()
    check_resumed(arguments, before)


@pytest.mark.parametrize("lines", [1, 11])
def test_interrupted_at_any_moment(arguments, lines):
    command = [sys.executable, "-u", "-m", "onnxcam", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    before = listed()
    if process.returncode == 0:  # it was done before the signal came
        assert len(before) == COUNT
        return
    assert process.returncode == 130
    done = int(told.removeprefix("onnxcam: interrupted; ").partition(" ")[0])
    assert told == f"onnxcam: interrupted; {done} of {COUNT} images explained\n"
    assert lines <= done <= len(before) <= done + 1  # the signal may come between a line and the count
    assert list(Path("out").glob(".onnxcam-*")) == []
    check_resumed(arguments, before)


NEVER_ENDING = """
import os, sys, time
import onnxcam.cli.explain
from onnxcam.cli import main, signals
from onnxcam.cli.job.one_image import ImageWork

def never(self, task):
    os.write(1, b"ready\\n")  # at once, since two threads write
    time.sleep(600)

signals.PATIENCE = 0.2
onnxcam.cli.explain.processors = lambda: 2
ImageWork.__call__ = never
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_that_never_ends_does_not_keep_the_process(arguments):
    command = [sys.executable, "-c", NEVER_ENDING, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, "onnxcam: interrupted\n")
