"""The programs of ``docs/other-languages.md`` run as they stand there, and give the package's classes and pictures.

``make test-runtimes`` runs these tests: they need a C++ compiler, the headers of ONNX Runtime in
``$ONNXRUNTIME_HEADERS``, and OpenVINO. The program for Node is tested by ``make test-web``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import onnxcam

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "efficientnet_lite0.onnx"
PHOTOGRAPH = ROOT / "tests" / "data" / "coffee.jpg"
ESPRESSO = 967
DOCUMENT = (ROOT / "docs" / "other-languages.md").read_text(encoding="utf-8")


def section(heading):
    return re.split(r"\n## ", DOCUMENT.split(f"\n## {heading}\n")[1])[0]


def in_document(heading, folder, environment):
    """Writes a section's program into a folder and runs the section's commands there, without the installations."""
    text = section(heading)
    program = re.search(r"```\w+\n(?://|#) (\S+)\n.*?```", text, re.DOTALL)
    (folder / program[1]).write_text(program[0].split("\n", 1)[1].removesuffix("```"), encoding="utf-8")
    commands = [line for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE) if "install" not in line]
    printed = [
        subprocess.run(command.split(), cwd=folder, env=environment, check=True, capture_output=True, text=True)
        for command in commands
    ]
    assert not any(each.stderr for each in printed)
    return printed[-1].stdout


@pytest.fixture
def cropped():
    """The photograph as the model sees it."""
    resized = Image.open(PHOTOGRAPH).convert("RGB").resize((384, 256), Image.Resampling.BICUBIC)
    return resized.crop((80, 16, 304, 240))


@pytest.fixture
def folder(tmp_path, cropped):
    """Where the commands run: the files that they name."""
    (tmp_path / "efficientnet_lite0.onnx").symlink_to(MODEL)
    (tmp_path / "required.onnx").write_bytes(onnxcam.adapt(MODEL, inputs="required"))
    (tmp_path / "photo.jpg").symlink_to(PHOTOGRAPH)
    cropped.save(tmp_path / "photo.ppm")
    return tmp_path


@pytest.fixture
def environment(tmp_path):
    """The headers, and the library in PyPI's package under the names that a compiler and a program look for."""
    (library,) = Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*")
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (tmp_path / name).symlink_to(library)
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CPLUS_INCLUDE_PATH": os.environ["ONNXRUNTIME_HEADERS"],
        "LIBRARY_PATH": str(tmp_path),
        "LD_LIBRARY_PATH": str(tmp_path),
    }


@pytest.fixture
def explained(cropped):
    pixels = (np.asarray(cropped, np.float32) - 127) / 128
    return onnxcam.Explainer(MODEL).run(pixels.transpose(2, 0, 1)[None], level=2)


@pytest.fixture
def guided(explained):
    """Guided Grad-CAM in grey, [224, 224, 3]: the 99th percentile of the sizes becomes 127."""
    values = explained.guided_grad_cam()[0].transpose(1, 2, 0)
    return 128 + np.clip(values / np.quantile(np.abs(values), 0.99) * 127, -127, 127)


def test_python_without_the_package(folder, environment, cropped, explained):
    assert in_document("Python without our package", folder, environment) == "espresso\n"
    cam = explained.grad_cam()[0]
    heat = Image.fromarray(cam / cam.max()).resize((224, 224), Image.Resampling.BICUBIC)
    strength = np.clip(heat, 0, 1)[..., None] * 200 / 255
    expected = np.asarray(cropped) * (1 - strength) + np.array([255, 0, 0]) * strength
    drawn = np.asarray(Image.open(folder / "overlay.png"), np.float32)
    assert np.abs(drawn - expected).max() < 2  # the strength and the blend are each rounded


def test_cpp(folder, environment, guided):
    assert in_document("C++", folder, environment) == f"class {ESPRESSO}\n"
    drawn = np.asarray(Image.open(folder / "guided.ppm"), np.float32)
    assert np.abs(drawn - guided).max() < 1


def test_cpp_says_what_is_wrong(folder, environment):
    in_document("C++", folder, environment)
    for arguments, words in (
        ((), "usage: explain MODEL PHOTO.ppm PICTURE.ppm"),
        (("efficientnet_lite0.onnx", "photo.jpg", "guided.ppm"), "not a PPM of 224 x 224"),
    ):
        failed = subprocess.run(
            ["./explain", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert (failed.returncode, failed.stderr) == (1, f"{words}\n")


def test_openvino(folder, environment, guided):
    assert in_document("OpenVINO", folder, environment) == f"class {ESPRESSO}\n"
    difference = np.abs(np.asarray(Image.open(folder / "guided.png"), np.float32) - guided)
    # At the edges of a ReLU6, masks flip where other convolutions round otherwise.
    assert (difference > 2).mean() < 0.01
