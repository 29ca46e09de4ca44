"""``onnxcam export`` and ``onnxcam layers`` for PyTorch models; test_cli_onnx.py has ONNX files."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import torch

import onnxcam
from onnxcam.cli import main
from onnxcam.metadata import Preprocessing

FACTORY = """
from torch import nn

def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(6, 3))

def greyscale():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

def sized(num_classes):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(4, num_classes))

def broken():
    raise RuntimeError("no such thing")
"""


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def command(capfd, tmp_path, monkeypatch):
    """Runs ``onnxcam`` in a folder of its own that holds net.py; what is printed is all that the process prints."""
    (tmp_path / "net.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        code = main(list(arguments))
        return Result(code, *capfd.readouterr())

    return run


def refused(result: Result) -> str:
    """The one line of a user's mistake."""
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("onnxcam: ")
    assert result.err.count("\n") == 1
    return result.err


def test_a_factory(command, tmp_path):
    result = command("export", "net.py:network", "-o", "m.onnx", "--input-size", "16")
    assert result.code == 0
    assert result.err == ""
    assert "verified against PyTorch" in result.out
    metadata = onnxcam.Explainer(tmp_path / "m.onnx").metadata
    assert metadata.image.shape == (3, 16, 16)
    assert metadata.layers[0].shape == (6, 12, 12)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".onnx") == ["m.onnx"]


def test_options(command, tmp_path):
    (tmp_path / "labels.txt").write_text("cat\ndog\nemu\n")
    (tmp_path / "pre.json").write_text(json.dumps({"resize": [16, 20], "mean": [0.5] * 3, "channel_order": "BGR"}))
    options = ("--labels", "labels.txt", "--preprocessing", "pre.json", "--layer", "2", "--layer", "1", "--flat")
    result = command("export", "net.py:network", "-o", "m.onnx", "--input-size", "16x20", *options, "--no-verify")
    assert result.code == 0
    assert "not verified" in result.out
    metadata = onnxcam.Explainer(tmp_path / "m.onnx").metadata
    assert metadata.image.shape == (3, 16, 20)
    assert metadata.labels == ("cat", "dog", "emu")
    assert [layer.name for layer in metadata.layers] == ["2", "1"]
    assert metadata.flat
    assert metadata.preprocessing == Preprocessing((16, 20), None, mean=(0.5,) * 3, channel_order="BGR")
    assert metadata.verification is None


def test_weights_of_ones_own(command, tmp_path, images):
    """Saved, exported with, and answered with; a file that holds a checkpoint works as well."""
    from torchvision import models  # noqa: PLC0415 — after conftest has declared its operators

    torch.manual_seed(0)
    module = models.squeezenet1_1(weights=None).eval()
    torch.save(module.state_dict(), tmp_path / "state.pt")
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in module.state_dict().items()}}, tmp_path / "c.pt"
    )
    expected = module(torch.from_numpy(images(1, 64))).detach().numpy()
    for weights in ("state.pt", "c.pt"):
        result = command(
            *("export", "torchvision:squeezenet1_1", "-o", "m.onnx", "--input-size", "64", "--weights", weights)
        )
        assert result.code == 0
        assert result.err == ""
        explainer = onnxcam.Explainer(tmp_path / "m.onnx")
        torch.testing.assert_close(
            torch.from_numpy(explainer.run(images(1, 64)).scores), torch.from_numpy(expected), rtol=1e-4, atol=1e-5
        )
        assert explainer.metadata.labels[281] == "tabby"
        assert explainer.metadata.preprocessing.resize == 73  # of 256 for the package's own 224 pixels
        assert explainer.metadata.preprocessing.crop == 64


def test_weights_are_only_ever_loaded_as_weights(command, tmp_path):
    """A pickle that would run code is refused, and its code does not run."""

    class Malicious:
        def __reduce__(self):
            return (open, (str(tmp_path / "it_ran"), "w"))

    torch.save({"state_dict": Malicious()}, tmp_path / "bad.pt")
    message = refused(command("export", "torchvision:squeezenet1_1", "-o", "m.onnx", "--weights", "bad.pt"))
    assert "the weights bad.pt do not fit the model" in message
    assert not (tmp_path / "it_ran").exists()


def test_torchvision_with_random_weights_says_so(command, tmp_path):
    result = command("export", "torchvision:resnet18", "-o", "m.onnx", "--input-size", "64", "--no-verify")
    assert result.code == 0
    assert result.err == "onnxcam: the weights are random; give --weights FILE or --pretrained for a real model\n"
    metadata = onnxcam.Explainer(tmp_path / "m.onnx").metadata
    assert metadata.labels is None
    assert metadata.layers[0].name == "layer4"
    assert metadata.cam_layer == "layer4"


def test_timm(command, tmp_path):
    result = command("export", "timm:test_resnet", "-o", "m.onnx", "--input-size", "64")
    assert result.code == 0
    metadata = onnxcam.Explainer(tmp_path / "m.onnx").metadata
    assert metadata.image.shape == (3, 64, 64)
    assert metadata.preprocessing == Preprocessing(67, 64, mean=(0.5,) * 3, std=(0.5,) * 3)


def test_channels(command, tmp_path):
    """Given, or those of the module's first convolution."""
    for size in ("1x16x16", "16"):
        result = command("export", "net.py:greyscale", "-o", "m.onnx", "--input-size", size, "--no-verify")
        assert result.code == 0
        assert onnxcam.Explainer(tmp_path / "m.onnx").metadata.image.shape == (1, 16, 16)


def test_classes(command, tmp_path):
    result = command("export", "net.py:sized", "-o", "m.onnx", "--input-size", "16", "--classes", "7", "--no-verify")
    assert result.code == 0
    assert onnxcam.Explainer(tmp_path / "m.onnx").metadata.classes == 7


def test_layers(command):
    result = command("layers", "net.py:network", "--input-size", "16")
    assert result.code == 0
    header, *rows = (line.split() for line in result.out.splitlines())
    assert header[0] == "layer"
    assert rows[0][:2] == ["0", "Conv2d"]
    assert [row[0] for row in rows if row[-1] == "default"] == ["3"]
    assert " 6 x 12 x 12 " in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["torchvision:resnet999"], "torchvision has no classification model 'resnet999'"),
        (["timm:resnet999"], "timm has no model 'resnet999'"),
        (["missing.py:network"], "missing.py does not exist"),
        (["net.py:absent"], "net.py:absent failed with AttributeError"),
        (["net.py:broken"], "net.py:broken failed with RuntimeError: no such thing"),
        (["missing.onnx"], "missing.onnx"),
        (["net.py:network", "--input-size", "big"], "--input-size 'big' is not a size"),
        (["net.py:network", "--input-size", "0"], "--input-size '0' is not a size"),
        (["net.py:network", "--input-size", "16", "--layer", "nowhere"], "no layer 'nowhere'"),
        (["net.py:network", "--input-size", "16", "--layer", "6"], "is not spatial"),
        (["net.py:network", "--input-size", "16", "--labels", "missing.txt"], "missing.txt"),
        (["net.py:network", "--input-size", "16", "--labels", "net.py"], "labels were given for 3 classes"),
        (["net.py:network", "--input-size", "16", "--preprocessing", "net.py"], "net.py is not JSON"),
        (["net.py:network", "--input-size", "16", "--score-output", "logits"], "logits"),
        (["net.py:greyscale", "--input-size", "3x16x16"], "PyTorch cannot export this model"),
        (["net.py:network", "--classes", "7"], "net.py:network takes no number of classes"),
        (["net.py:sized"], "net.py:sized needs num_classes; give --classes"),
        (
            ["net.py"],
            "net.py is Python source; name the function in it that makes the module, as in 'net.py:",
        ),
        (["torchvision:squeezenet1_1", "--weights", "missing.pt"], "the weights missing.pt do not exist"),
        (["torchvision:squeezenet1_1", "--weights", "net.py"], "the weights net.py do not fit the model"),
    ],
)
def test_mistakes_are_one_line(command, tmp_path, arguments, words):
    result = command("export", *arguments, "-o", "m.onnx")
    result.err = result.err.removeprefix(
        "onnxcam: the weights are random; give --weights FILE or --pretrained for a real model\n"
    )
    assert words in refused(result)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".onnx")]


def test_an_output_that_cannot_be_written(command):
    assert "missing" in refused(command("export", "net.py:network", "-o", "missing/m.onnx", "--input-size", "16"))


@pytest.mark.parametrize("file", ["net.py", "labels.txt", "weights.onnx", "preprocessing.json"])
def test_a_file_that_is_read_is_not_written_over(command, tmp_path, file):
    for name in ("labels.txt", "weights.onnx", "preprocessing.json"):
        (tmp_path / name).write_text("before")
    before = (tmp_path / file).read_text()
    options = ("--labels", "labels.txt", "--weights", "weights.onnx", "--preprocessing", "preprocessing.json")
    message = refused(command("export", "net.py:network", "-o", file, *options))
    assert f"cannot write {file}: it is {file}, which is read; name another file" in message
    assert (tmp_path / file).read_text() == before


def test_what_is_exported_is_explained(command, tmp_path, data):
    command("export", "net.py:network", "-o", "m.onnx", "--input-size", "32")
    result = command("explain", str(data / "coffee.jpg"), "-m", "m.onnx", "-o", "out.png")
    assert result.code == 0
    assert (tmp_path / "out.png").stat().st_size > 10000
    assert command("verify", "m.onnx").code == 0


def test_sanity_checks_of_the_fresh_model(command, tmp_path, data):
    (tmp_path / "steps.json").write_text('{"resize": 40, "crop": 32}')
    arguments = ["export", "net.py:network", "-o", "m.onnx", "--input-size", "32", "--preprocessing", "steps.json"]
    result = command(*arguments, "--sanity", str(data / "coffee.jpg"), "--sanity", str(data / "rocket.jpg"))
    assert result.code == 0
    assert "sanity  EigenCAM does not change when the classifier is randomised" in result.out
    sanity = onnxcam.Explainer("m.onnx").metadata.sanity
    assert sanity is not None
    assert sanity.pictures == 2
    assert sanity.methods["eigen-cam"].classifier == 1
    assert command("verify", "m.onnx").code == 0
    assert "no images" in refused(command(*arguments, "--sanity", "."))
