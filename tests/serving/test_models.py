import dataclasses
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import onnxcam
from onnxcam.errors import ModelError, VerificationError
from onnxcam.serving.models import Opening, ServedModel

CPU = Opening(["cpu"], threads=1)


def with_other_answers(path: Path, written: Path) -> Path:
    """The model with the first digit of a golden score changed."""
    content = path.read_bytes()
    start = re.compile(rb'"golden":\{.*?"scores":\[-?').search(content).end()
    digit = b"1" if content[start : start + 1] != b"1" else b"2"
    written.write_bytes(content[:start] + digit + content[start + 1 :])
    return written


def test_levels_0_and_1_share_a_session_and_level_2_is_opened_when_it_is_needed(data):
    model = ServedModel("toy", data / "toy.onnx", CPU)
    assert model.at(0) is model.at(1)
    assert model.at(1).metadata.level == 1
    assert model._upper is None
    assert model.at(2).metadata.level == 2
    assert model.at(2) is model.at(2)


def test_many_threads_open_level_2_once(data):
    model, together = ServedModel("toy", data / "toy.onnx", CPU), threading.Barrier(8)

    def ask(_: int) -> int:
        together.wait(60)
        return id(model.at(2))

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1


def test_all_levels_at_once(data):
    assert ServedModel("toy", data / "toy.onnx", dataclasses.replace(CPU, whole=True))._upper is not None


def test_a_model_whose_level_cannot_be_chosen_has_one_session(data):
    model = ServedModel("flat", data / "flat.onnx", CPU)
    assert model.at(0) is model.at(2)
    assert "onnxcam.level" not in [tensor.name for tensor in model.takes]


@pytest.mark.parametrize("level", [0, 1])
def test_the_operator_limits_the_level(data, level):
    model = ServedModel("toy", data / "toy.onnx", dataclasses.replace(CPU, level=level))
    assert model.highest == level
    assert model.at(0).metadata.level == level


def test_the_inputs_and_outputs_are_those_of_the_file(data):
    model = ServedModel("toy", data / "toy.onnx", CPU)
    whole = onnxcam.Explainer(data / "toy.onnx", providers=["cpu"], threads=1).model
    assert {tensor.name: tensor.optional for tensor in model.takes} == {
        "input": False,
        "onnxcam.target": True,
        "onnxcam.level": True,
    }
    assert {tensor.name for tensor in model.takes} == {tensor.name for tensor in whole.takes}
    assert model.gives == whole.gives


def test_a_model_whose_outputs_are_not_those_of_its_export(data, tmp_path):
    path = with_other_answers(data / "toy.onnx", tmp_path / "other.onnx")
    with pytest.raises(VerificationError, match="differs from its export in scores; try another provider"):
        ServedModel("toy", path, CPU)
    assert ServedModel("toy", path, dataclasses.replace(CPU, checked=False)).highest == 2


def test_a_model_without_a_golden_check(data, tmp_path):
    path = tmp_path / "fixed.onnx"
    path.write_bytes(onnxcam.adapt(data / "toy.onnx", level=1))
    with pytest.raises(ModelError, match=r"cannot be checked: .* or serve it as it is, with --unchecked"):
        ServedModel("toy", path, CPU)
    assert ServedModel("toy", path, dataclasses.replace(CPU, checked=False)).highest == 1


def test_a_file_that_was_replaced_is_not_mixed_with_the_one_that_is_open(data, tmp_path):
    path = Path(shutil.copy(data / "toy.onnx", tmp_path / "model.onnx"))
    model = ServedModel("toy", path, CPU)
    path.write_bytes((data / "pooled.onnx").read_bytes())
    with pytest.raises(ModelError, match="was replaced since the service started; start the service again"):
        model.at(2)
    assert model.at(1).metadata.classes == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no model"), (b"", "is empty"), (b"no model", "is not a model that ONNX Runtime can load")],
)
def test_a_file_that_is_no_model(tmp_path, content, message):
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        ServedModel("model", path, CPU)
