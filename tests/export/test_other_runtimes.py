"""Other runtimes and tools read the artifact's forms and give the same outputs as ONNX Runtime."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest

import onnxcam

if TYPE_CHECKING:
    from pathlib import Path

FORMS = {
    "required": {"inputs": "required"},
    "fixed at 0": {"inputs": "required", "level": 0},
    "fixed at 1": {"inputs": "required", "level": 1},
    "fixed at 2": {"inputs": "required", "level": 2},
}


def feeds(level: int, targets: tuple[int, ...]) -> dict[str, Any]:
    image = np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32)
    seed = np.zeros((0, 5), np.float32)
    return {"x": image, "onnxcam.target": np.array(targets), "onnxcam.seed": seed, "onnxcam.level": np.array(level)}


def in_onnxruntime(path: Path, level: int, targets: tuple[int, ...] = (3, -1)) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    known = {value.name for value in session.get_inputs()}
    given = {name: value for name, value in feeds(level, targets).items() if name in known}
    return dict(zip(names, session.run(names, given), strict=True))


def in_openvino(path: Path, level: int) -> dict[str, Any]:
    core = openvino.Core()
    model = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    known = {name for value in model.inputs for name in value.names}
    results = model({name: value for name, value in feeds(level, (3, -1)).items() if name in known})
    return {name: results[value] for value in model.outputs for name in value.names}


def assert_same(got: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        assert got[name].shape == value.shape, name
        np.testing.assert_allclose(got[name], value, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.fixture
def flat(small_flat: Any) -> Path:
    return small_flat.path


@pytest.mark.parametrize("form", FORMS)
def test_openvino(form: str, small_report: Any, tmp_path: Path) -> None:
    path = tmp_path / "form.onnx"
    path.write_bytes(onnxcam.adapt(small_report.path, **FORMS[form]))
    for level in (0, 1, 2) if form == "required" else (FORMS[form]["level"],):
        assert_same(in_openvino(path, level), in_onnxruntime(path, level))


def test_openvino_on_a_flat_artifact(flat: Path, tmp_path: Path) -> None:
    path = tmp_path / "flat.onnx"
    path.write_bytes(onnxcam.adapt(flat, inputs="required"))
    assert_same(in_openvino(path, 2), in_onnxruntime(path, 2))


@pytest.mark.parametrize("tool", ["onnxslim", "onnxsim"])
@pytest.mark.parametrize("form", FORMS)
def test_tools_that_simplify_models_keep_the_outputs(form: str, tool: str, small_report: Any, tmp_path: Path) -> None:
    path, output = tmp_path / "form.onnx", tmp_path / "simplified.onnx"
    path.write_bytes(onnxcam.adapt(small_report.path, **FORMS[form]))
    subprocess.run([sys.executable, "-m", tool, path, output], check=True, capture_output=True)
    onnx.checker.check_model(str(output))
    # Where onnxslim infers shapes, it takes the number of targets for the number of images.
    targets = (3,) if tool == "onnxslim" and form != "required" else (3, -1)
    for level in (0, 1, 2) if form == "required" else (FORMS[form]["level"],):
        assert_same(in_onnxruntime(output, level, targets), in_onnxruntime(path, level, targets))
