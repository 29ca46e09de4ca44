"""``onnxcam explain --target`` and ``--like`` with artifacts of all kinds: the scalar that the JSON gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import onnxcam
from onnxcam import targets
from onnxcam.cli import main
from onnxcam_export import export
from support.networks import small

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PREPROCESSING = {"resize": [16, 16], "mean": [0.5] * 3, "std": [0.5] * 3}


class Segmentation(nn.Module):
    """Scores for the places of a smaller map."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.head = nn.Conv2d(8, 4, 1)
        nn.init.constant_(self.head.bias[3:], -100)  # class 3 wins nowhere

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier, a network of regions, and pictures."""
    folder = tmp_path_factory.mktemp("targets")
    options: dict[str, Any] = {"input_shape": (3, 16, 16), "preprocessing": PREPROCESSING}
    export(small(), folder / "classes.onnx", labels=["tabby", "tiger cat", "dog", "not a cat", "cow"], **options)
    labels = ["road", "car", "sky", "tree"]
    export(Segmentation(), folder / "places.onnx", labels=labels, layers=["features"], score_output=0, **options)
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        Image.fromarray(random.integers(0, 256, (40, 30, 3), np.uint8)).save(folder / f"{name}.png")
    mask = np.zeros((40, 30), np.uint8)
    mask[:20] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    return folder


@pytest.fixture
def explain(folder: Path, capfd: Any, monkeypatch: Any, tmp_path: Path) -> Callable[..., Any]:
    """Runs the command; ``(code, the lines of JSON, the text of errors)``."""
    monkeypatch.chdir(tmp_path)

    def run(model: str, *arguments: str, pictures: tuple[str, ...] = ("one.png",)) -> Any:
        paths = [str(folder / name) for name in pictures]
        code = main(["explain", *paths, "-m", str(folder / model), "--method", "layer-cam", "--json", *arguments])
        out, err = capfd.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return run


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("tiger cat - tabby", targets.Contrast(1, 0)),
        ("not:dog", targets.Negative(2)),
        ("p:cow", targets.Probability(4)),
        ("[3]", targets.Element(3)),
        ("not a cat", targets.Class(3)),
    ],
)
def test_scalars_of_classes(folder, explain, text, target):
    code, (line,), err = explain("classes.onnx", "--target", text)
    expected = onnxcam.Explainer(folder / "classes.onnx").explain(folder / "one.png", target)
    assert (code, err) == (0, "")
    (found,) = line["explained"]
    assert found["label"] == expected.labels[0]
    assert found["score"] == pytest.approx(expected.explained(0).score, rel=1e-5)
    assert found["methods"]["layer-cam"]["maximum"] == pytest.approx(float(expected.map("layer-cam").max()), rel=1e-4)


def test_regions_and_entries(folder, explain):
    masked = f"{folder / 'mask.png'}:car"
    explainer = onnxcam.Explainer(folder / "places.onnx")
    scores = explainer.explain(folder / "one.png", targets.Element(0, 0, 0), level=0).scores[0]
    wins = ["road", "car", "sky", "tree"][int(scores[:, 2, 3].argmax())]
    code, (line,), err = explain("places.onnx", "--target", masked, "--target", "[2, 7, 1]", "--target", wins)
    assert (code, err) == (0, "")
    first, second, third = line["explained"]
    assert [item["label"] for item in line["explained"]] == ["region of car", "score [2, 7, 1]", f"region of {wins}"]
    assert first["score"] == pytest.approx(float(scores[1, :4].sum()), rel=1e-4)
    assert second["score"] == pytest.approx(float(scores[2, 7, 1]), rel=1e-4)
    index = ["road", "car", "sky", "tree"].index(wins)
    assert third["score"] == pytest.approx(float(scores[index][scores.argmax(0) == index].sum()), rel=1e-4)


def test_without_a_target_the_sentence_names_them(explain):
    code, lines, err = explain("places.onnx")
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert "give CLASS for the region where it wins" in err


def test_a_target_that_one_image_does_not_have_leaves_the_others(folder, explain):
    Image.new("L", (9, 9), 255).save(folder / "small.png")
    code, lines, err = explain(
        "places.onnx", "--target", f"{folder / 'small.png'}:car", pictures=("one.png", "two.png")
    )
    assert code == 2
    assert ["9 by 9 pixels" in line["error"] for line in lines] == [True, True]
    assert "0 of 2 images explained, 2 failed" in err
    code, (line,), err = explain("places.onnx", "--target", "tree")
    assert (code, err.count("\n")) == (2, 1)
    assert line["error"] == "class 3 has the highest score nowhere in this image; give a mask"


def test_like_another_image(folder, explain):
    explainer = onnxcam.Explainer(folder / "classes.onnx")
    other = explainer.embed(folder / "two.png")
    np.testing.assert_array_equal(other, explainer.explain(folder / "two.png", level=0).scores)
    code, (line,), err = explain("classes.onnx", "--like", str(folder / "two.png"))
    assert (code, err) == (0, "")
    one, two = explainer.embed([folder / "one.png", folder / "two.png"])
    (found,) = line["explained"]
    assert found["label"] == "similarity"
    assert found["score"] == pytest.approx(float(one @ two / np.linalg.norm(one) / np.linalg.norm(two)), rel=1e-4)


def test_like_comes_after_the_targets(folder, explain):
    _, (line,), _ = explain("classes.onnx", "--like", str(folder / "two.png"), "--target", "dog")
    assert [item["label"] for item in line["explained"]] == ["dog", "similarity"]


def test_embeddings_of_scores_for_places_are_flat(folder):
    explainer = onnxcam.Explainer(folder / "places.onnx")
    assert explainer.embed([folder / "one.png"] * 2).shape == (2, 4 * 8 * 8)


def test_mistaken_likes(folder, explain):
    code, lines, err = explain("classes.onnx", "--like", str(folder / "nowhere.png"))
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert "nowhere.png" in err


def test_what_is_read_is_never_written(folder, explain):
    read = {"mask.png": ("--target", f"{folder / 'mask.png'}:car"), "two.png": ("--like", str(folder / "two.png"))}
    for name, options in read.items():
        before = (folder / name).read_bytes()
        code, (line,), _ = explain("places.onnx", *options, "-o", str(folder / name))
        assert code == 2
        assert f"cannot write {folder / name}: it is" in line["error"]
        assert (folder / name).read_bytes() == before


def test_boxes(folder, explain):
    """A detector's default target is its most confident box, and the JSON has all of them in the image's pixels."""
    module = Detector()
    options = {"preprocessing": PREPROCESSING, "labels": ["person", "car"], "layers": ["features"]}
    export(module, folder / "boxes.onnx", input_shape=(3, 16, 16), detection="yolov8", **options)
    code, (line,), err = explain("boxes.onnx", "--target", "-1", "--target", "car")
    assert (code, err) == (0, "")
    explanation = onnxcam.Explainer(folder / "boxes.onnx").explain(folder / "one.png", targets.Detection())
    expected = explanation.boxes()
    assert [item["label"] for item in line["boxes"]] == [["person", "car"][box.c] for box in expected]
    assert [item["confidence"] for item in line["boxes"]] == pytest.approx([box.confidence for box in expected])
    left, top, right, bottom = expected[0].corners  # of 16 by 16 pixels, which are 30 by 40 of the image
    clipped = [max(left, 0) * 30 / 16, max(top, 0) * 40 / 16, min(right, 16) * 30 / 16, min(bottom, 16) * 40 / 16]
    assert line["boxes"][0]["box"] == pytest.approx(clipped, abs=0.06)
    assert line["explained"][0]["label"] == line["boxes"][0]["label"]
    assert line["explained"][1]["label"] == "car"
    code, (line,), _ = explain("boxes.onnx", "--target", "-99")
    assert code == 2
    assert "so there is no rank 98" in line["error"]


class Detector(nn.Module):
    """A head [6, 64] of boxes, as YOLOv8 has it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.SiLU())
        self.head = nn.Conv2d(8, 6, 1)
        nn.init.normal_(self.head.weight, std=8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = self.head(self.features(x)).flatten(2).sigmoid()
        return torch.cat([16 * values[:, :2], 8 * values[:, 2:4], values[:, 4:]], 1)
