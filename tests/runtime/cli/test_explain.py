import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onnxcam.cli.commands.explain import MethodChoice
from onnxcam.metadata import Preprocessing
from onnxcam.methods import METHODS


def here() -> set[str]:
    return {path.name for path in Path().iterdir()}


def test_a_picture_is_explained(onnxcam, model, picture, pooled):
    result = onnxcam("explain", picture, "-m", model)
    assert (result.code, result.err) == (0, "")
    assert here() == {"picture.onnxcam.png"}
    lines = result.out.splitlines()
    top = pooled.explain(picture).top(1)[0]
    assert lines[0].split() == ["class", "label", "probability", "score"]
    assert lines[1].split() == [
        str(top.index),
        top.label,
        f"{top.probability:.1%}",
        f"{top.score:.3f}",
        "<-",
        "explained",
    ]
    assert lines[-1] == "saved picture.onnxcam.png"


def test_a_class_outside_the_top_is_shown_too(onnxcam, model, picture):
    result = onnxcam("explain", picture, "-m", model, "--top", 1, "--target", -5)
    rows = [line for line in result.out.splitlines() if line.lstrip()[0].isdigit()]
    assert len(rows) == 2
    assert [row.endswith("<- explained") for row in rows] == [False, True]


def test_without_labels_and_probabilities(onnxcam, rewritten, picture, tmp_path):
    (tmp_path / "m.onnx").write_bytes(rewritten("pooled", labels=None, score_activation=None))
    result = onnxcam("explain", picture, "-m", tmp_path / "m.onnx")
    assert result.out.splitlines()[0].split() == ["class", "label", "score"]


def test_json_has_one_object_a_line(onnxcam, model, picture, pooled, data):
    result = onnxcam("explain", picture, data / "coffee.jpg", "-m", model, "-t", "tiger", "-t", -1, "--json", "--npz")
    first, second = map(json.loads, result.out.splitlines())
    assert first["path"] == str(picture)
    assert first["outputs"] == ["picture.onnxcam.png", "picture.onnxcam.npz"]
    assert second["outputs"] == ["coffee.onnxcam.png", "coffee.onnxcam.npz"]
    explanation = pooled.explain(picture, ["tiger", -1])
    assert [item["index"] for item in first["classes"]] == [item.index for item in explanation.top(5)]
    assert [item["index"] for item in first["explained"]] == explanation.class_index.tolist()
    assert list(first["explained"][0]["methods"]) == ["grad-cam", "guided-backprop", "guided-grad-cam"]
    for row, item in enumerate(first["explained"]):
        statistics, grad_cam = item["methods"]["grad-cam"], explanation.grad_cam()[row]
        assert statistics["layer"] == "features"
        assert statistics["shape"] == [8, 8]
        assert statistics["maximum"] == pytest.approx(grad_cam.max(), rel=1e-5)
        assert statistics["mean"] == pytest.approx(grad_cam.mean(), rel=1e-5)


def test_the_peak_is_on_the_photograph(onnxcam, model, picture, pooled):
    record = json.loads(onnxcam("explain", picture, "-m", model, "--json", "--method", "grad-cam").out)
    grad_cam = pooled.explain(picture).grad_cam()[0]
    row, column = np.unravel_index(grad_cam.argmax(), grad_cam.shape)
    # 60 by 40 became 15 by 10, of which the crop took 4 to 12 and 1 to 9 (3.5 goes to even): four pixels to each.
    expected = [4 * (4 + column + 0.5), 4 * (1 + row + 0.5)]
    assert record["explained"][0]["methods"]["grad-cam"]["peak"] == pytest.approx(expected, abs=0.1)


def test_npz_holds_the_arrays(onnxcam, model, picture, pooled):
    onnxcam("explain", picture, "-m", model, "--npz", "--target", "tiger")
    explanation = pooled.explain(picture, "tiger")
    with np.load("picture.onnxcam.npz") as arrays:
        assert set(arrays) == {
            "scores",
            "class_index",
            "labels",
            "activations/features",
            "gradients/features",
            "grad_cam",
            "guided_backprop",
            "guided_grad_cam",
        }
        np.testing.assert_allclose(arrays["guided_grad_cam"], explanation.guided_grad_cam(), rtol=1e-5)
        assert arrays["labels"].tolist() == ["tiger, Panthera tigris"]


@pytest.mark.parametrize("method", ["grad-cam", "cam", "guided-backprop", "guided-grad-cam"])
def test_each_method_alone(onnxcam, model, picture, method):
    result = onnxcam("explain", picture, "-m", model, "--method", method, "--json")
    assert list(json.loads(result.out)["explained"][0]["methods"]) == [method]
    with Image.open("picture.onnxcam.png") as image:
        assert image.width < 1000


def test_output_to_a_file_or_a_folder(onnxcam, model, picture, tmp_path):
    assert onnxcam("explain", picture, "-m", model, "-o", tmp_path / "out.jpg").code == 0
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.format == "JPEG"
    Path("folder").mkdir()
    assert onnxcam("explain", picture, "-m", model, "-o", "folder", "--npz").code == 0
    assert {path.name for path in Path("folder").iterdir()} == {"picture.onnxcam.png", "picture.onnxcam.npz"}


def test_a_folder_of_pictures_in_order_without_our_own(onnxcam, model, picture):
    Path("in").mkdir()
    for name in ("b.png", "a.png", "c.onnxcam.png"):
        Image.open(picture).save(Path("in") / name)
    (Path("in") / "notes.txt").touch()
    result = onnxcam("explain", "in", "-m", model, "-o", "in")
    assert result.code == 0
    assert [Path(line.partition(":")[0]).name for line in result.out.splitlines()] == ["a.png", "b.png"]
    again = onnxcam("explain", "in", "-m", model, "-o", "in")
    assert again.out == result.out


def test_pictures_of_the_same_name_do_not_overwrite_each_other(onnxcam, model, picture):
    for folder in ("x", "y"):
        Path(folder).mkdir()
        for name in ("a.png", "a.bmp"):
            Image.open(picture).save(Path(folder) / name)
    assert onnxcam("explain", "x", "y/a.png", "-m", model).code == 0
    assert here() == {"x", "y", "a.onnxcam.png", "a-2.onnxcam.png", "a-3.onnxcam.png"}
    assert onnxcam("explain", "y/a.png", "x", "-m", model).out.split("\n")[0].endswith("-> a-3.onnxcam.png")
    assert len(here()) == 5


def test_it_goes_on_past_bad_pictures(onnxcam, model, picture):
    Path("bad.jpg").write_text("not a picture")
    result = onnxcam("explain", "bad.jpg", picture, "missing.png", "-m", model)
    assert result.code == 2
    formats = "JPEG, PNG, WebP, GIF, BMP, TIFF, JPEG 2000, AVIF, PPM or PGM"
    assert result.err.splitlines() == [
        f"onnxcam: bad.jpg is not an image in a format that onnxcam reads: {formats}",
        "onnxcam: there is no image missing.png",
        "onnxcam: 1 of 3 images explained, 2 failed",
    ]
    assert here() == {"bad.jpg", "picture.onnxcam.png"}
    lines = onnxcam("explain", "bad.jpg", picture, "-m", model, "--json").out.splitlines()
    assert list(json.loads(lines[0])) == ["path", "error"]
    assert "explained" in json.loads(lines[1])


def broken_picture(kind: str) -> str:
    path = Path(f"{kind}.png")
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path = Path("text.jpg")
        path.write_text("not a picture")
    elif kind == "truncated":
        Image.effect_noise((64, 64), 50).save(path)
        path.write_bytes(path.read_bytes()[:1000])
    elif kind == "large":  # Pillow would only warn
        Image.new("1", (10_000, 10_000)).save(path)
    elif kind == "huge":
        Image.new("1", (20_000, 20_000)).save(path)
    return str(path)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "there is no image"),
        ("empty", "is empty"),
        ("text", "is not an image"),
        ("truncated", "is damaged or truncated"),
        ("large", "is too large: 10000 by 10000 pixels"),
        ("huge", "is too large"),
    ],
)
def test_a_bad_picture_is_one_line(onnxcam, model, kind, words):
    path = broken_picture(kind)
    before = here()
    result = onnxcam("explain", path, "-m", model, "--npz")
    assert_one_line(result, words)
    assert here() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--target", "zebra"), "there is no class 'zebra'"),
        (("--target", "crane"), "names the classes 2 and 3"),
        (("--target", "5"), "there is no class 5"),
        (("--target", "-6"), "there is no rank -6"),
        (("--layer", "conv9"), "no target layer 'conv9'; it has features"),
        (("--provider", "cdua"), "did you mean cuda"),
        (("-o", "missing/out.png"), "the folder missing does not exist"),
        (("-o", "out.xyz"), "the ending must be one of"),
        (("-o", "missing"), "the ending must be one of"),
    ],
)
def test_a_mistaken_option_is_one_line(onnxcam, model, picture, options, words):
    assert_one_line(onnxcam("explain", picture, "-m", model, *options), words)
    assert here() == set()


def test_a_network_without_cam(onnxcam, rewritten, picture, tmp_path):
    (tmp_path / "m.onnx").write_bytes(rewritten("pooled", cam_layer=None))
    result = onnxcam("explain", picture, "-m", tmp_path / "m.onnx", "--method", "cam")
    assert_one_line(result, "one linear layer; it has grad-cam, guided-backprop, guided-grad-cam")
    assert here() == set()


@pytest.fixture
def plain_model(rewritten, tmp_path):
    """A model of photographs whose gradient at the input is not guided."""
    steps = Preprocessing(resize=4, crop=4, mean=(0.5,), std=(0.5,), channel_order="L")
    path = tmp_path / "plain.onnx"
    path.write_bytes(rewritten("plain", preprocessing=steps))
    return path


def test_without_the_guided_gradient_grad_cam_is_drawn_alone(onnxcam, plain_model, picture):
    result = onnxcam("explain", picture, "-m", plain_model, "--json", "--npz")
    assert (result.code, result.err) == (0, "")
    assert list(json.loads(result.out)["explained"][0]["methods"]) == ["grad-cam"]
    with np.load("picture.onnxcam.npz") as arrays:
        assert "grad_cam" in arrays
        assert not [name for name in arrays if "guided" in name]


@pytest.mark.parametrize("method", ["guided-backprop", "guided-grad-cam"])
def test_a_guided_method_of_a_plain_model_says_what_the_model_has(onnxcam, plain_model, picture, method):
    result = onnxcam("explain", picture, "-m", plain_model, "--method", method)
    assert_one_line(result, "no guided backpropagation, since its gradient at the input is plain; it has grad-cam")
    assert here() == set()


def test_a_model_that_takes_no_pictures(onnxcam, data, picture):
    assert_one_line(onnxcam("explain", picture, "-m", data / "toy.onnx"), "exported without preprocessing")


@pytest.mark.parametrize("command", ["explain", "inspect", "verify"])
def test_bad_models(onnxcam, command, rewritten, future, picture):
    Path("empty.onnx").touch()
    Path("corrupt.onnx").write_text("not a model")
    Path("plain.onnx").write_bytes(rewritten("pooled"))
    Path("future.onnx").write_bytes(future)
    before = here()
    for name, words in {
        "missing.onnx": "there is no model missing.onnx",
        "empty.onnx": "the model empty.onnx is empty",
        "corrupt.onnx": "is not a model that ONNX Runtime can load",
        "plain.onnx": "is not an explainer model",
        "future.onnx": "upgrade it",
    }.items():
        arguments = (picture, "-m", name) if command == "explain" else (name,)
        assert_one_line(onnxcam(command, *arguments), words)
    assert here() == before


def test_several_pictures_need_a_folder(onnxcam, model, picture, data):
    result = onnxcam("explain", picture, data / "coffee.jpg", "-m", model, "-o", "out.png")
    assert_one_line(result, "2 images need a folder; name an existing")


def test_a_folder_without_pictures(onnxcam, model):
    Path("none").mkdir()
    assert_one_line(onnxcam("explain", "none", "-m", model), "the folder none holds no images")


def test_a_folder_that_cannot_be_written(onnxcam, model, picture, monkeypatch):
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)  # root may write anywhere
    assert_one_line(onnxcam("explain", picture, "-m", model), "is not writable")


def assert_one_line(result, words: str) -> None:
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("onnxcam: ")
    assert result.err.count("\n") == 1
    assert words in result.err


@pytest.mark.parametrize("method", [choice.value for choice in MethodChoice if choice is not MethodChoice.ALL])
def test_every_method_by_its_name(onnxcam, model, picture, method):
    (line,) = onnxcam("explain", picture, "-m", model, "--method", method, "--json").out.splitlines()
    assert list(json.loads(line)["explained"][0]["methods"]) == [method]


def test_the_choices_are_the_methods():
    assert {choice.value for choice in MethodChoice} == {"all", *METHODS}
