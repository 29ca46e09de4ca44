"""Measures ``onnxcam explain FOLDER``: ``python -m bench.folders [--pictures N] [--cases NAME …] [--stages]``.

The pictures are copies of the photographs in ``tests/data`` at several sizes. Each case is a process of its own, whose
start is measured with few pictures and taken off.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PIL import Image

import onnxcam
from onnxcam.photograph.opening import PANEL_SIDE, open_picture
from onnxcam.photograph.preprocessing import needed_shorter_side, preprocess
from onnxcam.render.formats import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxcam.levels import Level
    from onnxcam.methods import Method

    Result = TypeVar("Result")

DATA = Path(__file__).parents[1] / "tests" / "data"
WIDTHS = (480, 640, 1024, 1600, 2400)
FEW = 4
LEVEL_2: tuple[Level, Sequence[Method] | None] = (2, None)
LEVEL_1: tuple[Level, Sequence[Method] | None] = (1, ["grad-cam"])

CASES = {
    "four panels, png": ["--format", "png"],
    "four panels, jpeg": ["--format", "jpeg"],
    "four panels, webp": ["--format", "webp"],
    "grad-cam, png": ["--method", "grad-cam", "--format", "png"],
    "grad-cam, jpeg": ["--method", "grad-cam", "--format", "jpeg"],
}


def main() -> None:
    """Prints the pictures a second, the processor time of each, and the largest memory, for each case."""
    parser = argparse.ArgumentParser(prog="bench.folders")
    parser.add_argument("--pictures", type=int, default=150)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--stages", action="store_true", help="the processor time of each stage, on one thread")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, few = Path(name) / "in", Path(name) / "few"
        make_pictures(folder, arguments.pictures)
        make_pictures(few, FEW)
        if arguments.stages:
            print_stages(folder)
            return
        for case in arguments.cases:
            start, _, _ = run(few, Path(name) / "out", CASES[case])
            seconds, used, memory = run(folder, Path(name) / "out", CASES[case])
            count = arguments.pictures - FEW
            rate = count / (seconds - start)
            sys.stdout.write(
                f"{case}: {rate:.1f} pictures/s; {used / arguments.pictures * 1e3:.0f} ms of processor time each with "
                f"the start, {memory / 1024:.0f} MiB\n"
            )
            sys.stdout.flush()


def make_pictures(folder: Path, count: int) -> None:
    """Writes JPEG files, of which consecutive ones differ in photograph and size.

    Args:
        folder: The folder to make.
        count: The number of files.
    """
    folder.mkdir()
    made: dict[int, bytes] = {}
    photographs = sorted(DATA.glob("*.jpg"))
    kinds = list(itertools.product(WIDTHS, photographs))
    for number in range(count):
        width, photograph = kinds[number % len(kinds)]
        path = folder / f"{number:06d}.jpg"
        if number < len(kinds):
            with Image.open(photograph) as image:
                size = (width, round(width * image.height / image.width))
                image.resize(size, Image.Resampling.LANCZOS).save(path, quality=90)
            made[number] = path.read_bytes()
        else:
            path.write_bytes(made[number % len(kinds)])


def run(folder: Path, output: Path, options: list[str]) -> tuple[float, float, int]:
    """Runs the command once.

    Returns:
        The seconds it took, its processor time in seconds, and the largest resident memory of a command so far in KiB.
    """
    shutil.rmtree(output, ignore_errors=True)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "onnxcam", "explain", str(folder), "-o", str(output), *options]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, used, after.ru_maxrss


def print_stages(folder: Path) -> None:
    """Prints the processor time of each stage of an image, on one thread, as the mean over one picture of each kind."""
    paths = sorted(folder.iterdir())[: len(WIDTHS) * 3]
    for level, methods in (LEVEL_2, LEVEL_1):
        explainer = onnxcam.Explainer(threads=1, level=level)
        time_stages(paths[0], explainer, level, methods)
        every = [time_stages(path, explainer, level, methods) for path in paths]
        told = ", ".join(f"{stage} {statistics.mean(one[stage] for one in every) * 1e3:.1f}" for stage in every[0])
        sys.stdout.write(f"level {level}, ms of processor time: {told}\n")


def time_stages(
    path: Path, explainer: onnxcam.Explainer, level: Level, methods: Sequence[Method] | None
) -> dict[str, float]:
    """The seconds of processor time of each stage of one image."""
    metadata, spent = explainer.metadata, {}

    def timed(stage: str, work: Callable[[], Result]) -> Result:
        start = time.process_time()
        result = work()
        spent[stage] = time.process_time() - start
        return result

    shorter = needed_shorter_side(metadata)
    picture = timed("decode", lambda: open_picture(path, shorter=shorter, longer=PANEL_SIDE))
    tensor, _ = timed("prepare", lambda: preprocess(picture, metadata))
    timed("run", lambda: explainer.run(tensor[None], level=level))
    explanation = explainer.explain(picture, level=level)
    figure = timed("draw", lambda: explanation.figure(methods=methods))
    for name in ("png", "jpeg", "webp"):
        timed(name, lambda name=name: encode(figure, name.upper()))  # type: ignore[misc]
    return spent


if __name__ == "__main__":
    main()
