from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from onnxcam_export import SourceError
from onnxcam_export.read.pytorch.weights import load_weights


def network(classes=3):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, classes))


def prefixed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


def zeros(state):
    return {name: torch.zeros_like(value) for name, value in state.items()}


FORMS = {
    "a state dict": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"state": {}}},
    "model_state_dict": lambda state: {"model_state_dict": state, "loss": 0.5},
    "model": lambda state: {"model": state},
    "DataParallel": lambda state: {"state_dict": prefixed(state, "module.")},
    "compiled": lambda state: prefixed(state, "_orig_mod."),
    "Lightning": lambda state: {"state_dict": prefixed(state, "model."), "pytorch-lightning_version": "2"},
    "both": lambda state: prefixed(state, "module._orig_mod."),
    "any key": lambda state: {"network": state, "accuracy": 0.5},
    "an average alone": lambda state: {"model": None, "model_ema": state},
    "any prefix": lambda state: prefixed(state, "backbone."),
    "a loss beside": lambda state: {"state_dict": {**prefixed(state, "net."), "criterion.weight": torch.ones(5)}},
    "an average beside": lambda state: prefixed(zeros(state), "model_ema.") | prefixed(state, "model."),
    "of old": lambda state: {name: value for name, value in state.items() if "num_batches" not in name},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_forms(tmp_path, form):
    trained, module = network(), network()
    torch.save(FORMS[form](trained.state_dict()), tmp_path / "w.pth")
    load_weights(module, tmp_path / "w.pth")
    for name, value in trained.named_parameters():
        assert torch.equal(module.get_parameter(name), value)


def test_safetensors(tmp_path):
    trained, module = network(), network()
    save_file(trained.state_dict(), tmp_path / "w.safetensors")
    load_weights(module, tmp_path / "w.safetensors")
    assert torch.equal(module[0].weight, trained[0].weight)


def refused(module, file):
    with pytest.raises(SourceError) as error:
        load_weights(module, file)
    message = str(error.value)
    assert message.startswith(f"the weights {file} do not ")
    assert "\n" not in message
    return message


def test_another_number_of_classes(tmp_path):
    torch.save(network(7).state_dict(), tmp_path / "w.pth")
    message = refused(network(3), tmp_path / "w.pth")
    assert "3.weight is [7, 16] in the file and [3, 16] in the model; make the model as it was trained" in message
    assert message.endswith("with --classes 7")


def test_another_width(tmp_path):
    wide = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(32, 3))
    torch.save(wide.state_dict(), tmp_path / "w.pth")
    assert refused(network(), tmp_path / "w.pth").endswith("as it was trained, with its arguments")


def test_another_architecture(tmp_path):
    torch.save({"features.weight": torch.zeros(3), "3.bias": torch.zeros(3)}, tmp_path / "w.pth")
    message = refused(network(), tmp_path / "w.pth")
    assert "the file lacks 0.bias, 0.weight, 1.bias and 4 more and has features.weight, which the model does" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"epoch": 3, "history": [1]}, "the file has the keys epoch, history, and no state dict is in it"),
        ([torch.zeros(3)], "the file is no mapping, and no state dict is in it; save model.state_dict()"),
        ({"model": network()}, "the file holds Python objects, such as a whole module, and is not loaded"),
    ],
)
def test_files_without_a_state_dict(tmp_path, content, words):
    torch.save(content, tmp_path / "w.pth")
    assert words in refused(network(), tmp_path / "w.pth")


def test_files_that_cannot_be_read(tmp_path):
    assert refused(network(), tmp_path / "w.pth").endswith("w.pth do not exist")
    (tmp_path / "w.pth").write_bytes(b"weights")
    assert "; save model.state_dict()" in refused(network(), tmp_path / "w.pth")
    (tmp_path / "w.safetensors").write_bytes(pickle.dumps([]))
    assert "the file cannot be read as a state dict" in refused(network(), tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "are an empty file; download or save them again"),
        (b"<!DOCTYPE html><title>404</title>", "are a web page, perhaps an error's; download them again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:a", "are git-lfs's pointer to the real file"),
    ],
)
def test_what_is_downloaded_in_place_of_weights(tmp_path, content, words):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(SourceError, match=words):
        load_weights(network(), tmp_path / "w.pth")


def test_two_copies_under_unusual_names_are_not_guessed(tmp_path):
    state = network().state_dict()
    torch.save({"a": state, "b": state}, tmp_path / "w.pth")
    assert "has the keys a, b, and 2 state dicts are in it" in refused(network(), tmp_path / "w.pth")
    torch.save(prefixed(state, "a.") | prefixed(state, "b."), tmp_path / "w.pth")
    assert "the file lacks 0.bias" in refused(network(), tmp_path / "w.pth")
