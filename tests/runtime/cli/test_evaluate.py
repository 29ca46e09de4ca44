import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import onnxcam as package
from onnxcam.evaluation.conventions import CONVENTIONS
from onnxcam.evaluation.evaluator import Evaluator

FEW = ("--method", "grad-cam", "--method", "guided-grad-cam")


@pytest.fixture
def folder(tmp_path, data):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("chelsea.jpg", "coffee.jpg"):
        shutil.copy(data / name, folder)
    return folder


def test_a_table_says_how_each_number_is_computed(onnxcam, model, folder):
    result = onnxcam("evaluate", model, folder)
    assert result.code == 0
    assert result.out.startswith("2 images; convention onnxcam: ")
    assert "deletion: area in 28 steps, a pixel becomes 0 of the preprocessed image" in result.out
    lines = {line.split()[0]: line for line in result.out.splitlines() if line and not line.startswith(" ")}
    assert {"grad-cam", "eigen-grad-cam", "guided-grad-cam", "uniform", "edges"} <= lines.keys()
    assert "forward passes in" in result.err
    assert sorted(path.name for path in Path("onnxcam-evaluation").iterdir()) == [
        "deletion.svg",
        "insertion.svg",
        "results.jsonl",
    ]


@pytest.mark.parametrize("name", CONVENTIONS)
def test_each_convention_gives_its_own_metrics(onnxcam, model, folder, name):
    result = onnxcam("evaluate", model, folder, *FEW, "--convention", name, "--json")
    assert result.code == 0
    found = json.loads(result.out)
    convention = CONVENTIONS[name]
    assert set(found["maps"]["grad-cam"]["metrics"]) == set(convention.metrics) - {"pointing", "energy"}
    assert set(found["convention"]["in_words"]) == set(convention.metrics)
    assert {Path(path).name for path in found["outputs"]} == {"results.jsonl"} | {
        f"{curve}.svg" for curve in ("deletion", "insertion") if curve in convention.metrics
    }
    for name_of_map in ("grad-cam", "random"):
        of_map = found["maps"][name_of_map]
        assert of_map["is_baseline"] is (name_of_map == "random")
        for interval in of_map["metrics"].values():
            assert interval["low"] <= interval["mean"] + 1e-12
            assert interval["mean"] <= interval["high"] + 1e-12


def test_an_evaluation_goes_on_where_it_ended(onnxcam, model, folder, monkeypatch):
    first = onnxcam("evaluate", model, folder / "coffee.jpg", *FEW, "--json")
    assert json.loads(first.out)["images"] == 1
    evaluated = []
    evaluate = Evaluator.evaluate

    def counted(self, questions):
        evaluated.extend(question.path.name for question in questions)
        return evaluate(self, questions)

    monkeypatch.setattr(Evaluator, "evaluate", counted)
    second = onnxcam("evaluate", model, folder, *FEW, "--json")
    assert evaluated == ["chelsea.jpg"]
    assert "1 of 2 images were evaluated before" in second.err
    third = onnxcam("evaluate", model, folder, *FEW, "--json")
    assert evaluated == ["chelsea.jpg"]
    assert third.out == second.out
    onnxcam("evaluate", model, folder, "--method", "cam")  # a map that is not there yet
    assert evaluated == ["chelsea.jpg", "chelsea.jpg", "coffee.jpg"]


def test_ctrl_c_keeps_what_is_done(model, tmp_path):
    """Interrupted after the first result, the command says so, and the next run needs the others only."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 24, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    results = tmp_path / "out" / "results.jsonl"
    command = [sys.executable, "-m", "onnxcam", "evaluate", str(model), str(folder), "-o", str(results.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (results.exists() and results.stat().st_size):
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    done = results.read_bytes().count(b"\n")
    assert process.returncode == 130
    said = re.search(r"interrupted; (\d+) of 40 images evaluated; the same command goes on from there", errors)
    assert said is not None, errors
    assert int(said[1]) in {done - 1, done}  # the signal may come between a line and its count
    assert 1 <= done < 40
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{done} of 40 images were evaluated before" in again.stderr
    assert results.read_bytes().count(b"\n") == 40


def test_boxes_name_the_class_and_add_localisation(onnxcam, model, folder):
    label = package.Explainer(model).labels[4]
    boxes = folder.parent / "boxes.json"
    boxes.write_text(json.dumps({"coffee.jpg": {"boxes": [[100, 50, 400, 350]], "label": label}}))
    result = onnxcam("evaluate", model, folder, *FEW, "--boxes", boxes, "--json")
    assert result.code == 0
    found = json.loads(result.out)["maps"]["uniform"]["metrics"]
    records = [json.loads(line) for line in Path("onnxcam-evaluation/results.jsonl").read_text().splitlines()]
    regions = {record["image"]: record["region"] for record in records}
    assert regions["chelsea.jpg"] is None
    assert found["energy"]["mean"] == pytest.approx(regions["coffee.jpg"])
    assert {record["image"]: record["label"] for record in records}["coffee.jpg"] == label
    boxes.write_text(json.dumps({"coffee.jpg": {"boxes": [[100, 50, 400, 350]], "label": 3}}))
    result = onnxcam("evaluate", model, folder / "coffee.jpg", *FEW, "--boxes", boxes)
    assert json.loads(Path("onnxcam-evaluation/results.jsonl").read_text().splitlines()[-1])["c"] == 3
    assert "Localisation" in onnxcam("evaluate", model, folder, *FEW, "--boxes", boxes).out


def test_masks_are_where_the_object_is(onnxcam, model, folder):
    masks = folder.parent / "masks"
    masks.mkdir()
    white = np.zeros((300, 451), np.uint8)
    white[:, :241] = 255  # eight of the fifteen columns after resizing, of which four are seen
    Image.fromarray(white).save(masks / "chelsea.png")
    result = onnxcam("evaluate", model, folder, *FEW, "--masks", masks, "--json")
    assert json.loads(result.out)["maps"]["uniform"]["metrics"]["energy"]["mean"] == 0.5


def test_other_images_go_on_after_one_that_fails(onnxcam, model, folder):
    (folder / "broken.jpg").write_bytes(b"no image")
    result = onnxcam("evaluate", model, folder, *FEW, "--json")
    assert result.code == 2
    assert json.loads(result.out)["images"] == 2
    assert "broken.jpg" in result.err


def test_mistakes_are_one_line(onnxcam, model, folder, tmp_path, data):
    boxes = tmp_path / "boxes.json"
    boxes.write_text('{"other.jpg": {"boxes": [[1, 2, 3, 4]]}}')
    level_1 = tmp_path / "level1.onnx"
    level_1.write_bytes(package.adapt(model, level=1))
    for arguments, words in [
        ((tmp_path / "none.onnx", folder), "there is no model"),
        ((data / "toy.onnx", folder), "exported without preprocessing"),
        ((level_1, folder, "--method", "guided-backprop"), "is fixed at level 1, and guided-backprop needs level 2"),
        ((model, folder, "--layer", "nothing"), "no target layer 'nothing'"),
        ((model, folder, "--boxes", boxes), "has no boxes of any of the"),
        ((model, folder, "--boxes", boxes, "--masks", folder), "give one of them"),
        ((model, folder, "--boxes", tmp_path / "none.json"), "cannot read the boxes"),
        ((model, folder, "--masks", tmp_path / "none"), "there is no folder of masks"),
        ((model, tmp_path / "nowhere"), "nowhere"),
        ((model, folder, "--convention", "mine"), "'mine' is not one of"),
    ]:
        assert words in onnxcam("evaluate", *arguments).sentence


def test_files_of_others_are_not_touched(onnxcam, model, folder, tmp_path):
    for name in ("deletion.svg", "results.jsonl"):
        output = tmp_path / f"with-{name}"
        output.mkdir()
        (output / name).write_text("mine\n")
        assert name in onnxcam("evaluate", model, folder, *FEW, "-o", output).sentence
        assert (output / name).read_text() == "mine\n"
    (tmp_path / "file").touch()
    assert "cannot make the folder" in onnxcam("evaluate", model, folder, *FEW, "-o", tmp_path / "file").sentence
