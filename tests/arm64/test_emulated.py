"""The wheel on an emulated Cortex-A72, the processor of a Raspberry Pi 4, gives what it gives here.

``make test-arm64`` runs these tests, with the folder that ``set_up.sh`` fills in ``$ARM64``. The processor matters: on
it, ONNX Runtime 1.21.0 stops with an illegal instruction.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import onnxcam

ROOT = Path(__file__).parents[2]
PHOTOGRAPH = ROOT / "tests" / "data" / "coffee.jpg"


@pytest.fixture(scope="module")
def emulated():
    """Runs ``onnxcam`` with arguments; gives what it prints."""
    folder = Path(os.environ["ARM64"]).resolve()
    emulator = [folder / "emulator" / "qemu-aarch64", "-cpu", "cortex-a72", "-L", folder / "root"]
    python = [folder / "root" / "usr" / "bin" / "python3.11", "-m", "onnxcam"]

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "PYTHONSAFEPATH": "1"}
        command = [*emulator, *python, *map(str, arguments)]
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (finished.returncode, finished.stderr) == (0, "")
        return finished.stdout

    return run


def test_the_doctor_finds_nothing_wrong(emulated):
    record = json.loads(emulated("doctor", "--json"))
    assert "aarch64" in record["versions"]["python"]
    assert record["notes"] == []
    assert {provider["provider"]: provider["works"] for provider in record["providers"]}["CPUExecutionProvider"]


def test_the_default_model_passes_its_golden_check(emulated):
    checks = json.loads(emulated("verify", "--json"))["outputs"]
    assert [check["name"] for check in checks] == ["scores", "grad_cam", "guided_backprop"]
    assert max(check["error"] for check in checks) < 1e-5


def test_a_photograph(emulated, tmp_path):
    record = json.loads(emulated("explain", PHOTOGRAPH, "-o", tmp_path / "there.png", "--json"))
    explanation = onnxcam.Explainer().explain(PHOTOGRAPH)
    explanation.save(tmp_path / "here.png")
    there, here = (np.asarray(Image.open(tmp_path / f"{name}.png"), np.float64) for name in ("there", "here"))
    assert record["explained"][0]["label"] == "espresso"
    assert there.shape == here.shape
    assert np.abs(there - here).mean() < 0.01
