import os

import pytest

from onnxcam.artifact.source import readable
from onnxcam.errors import ModelError


def test_paths_and_bytes(data):
    path = data / "toy.onnx"
    assert readable(path) == readable(str(path)) == str(path)
    assert readable(b"x") == readable(bytearray(b"x")) == readable(memoryview(b"x")) == b"x"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (5, "a model is given by its path or as the file's bytes, not as int"),
        (b"", "the model is empty"),
        (bytearray(), "the model is empty"),
        ("missing.onnx", "there is no model missing.onnx"),
        ("x" * 5000, "cannot read the model x"),
        ("a\0b", "cannot read the model a"),
        (os.devnull, "is a device or a pipe, not an ONNX model"),
        (".", "is a folder, not an ONNX model"),
    ],
    ids=str,
)
def test_what_is_no_model_is_said(model, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as caught:
        readable(model)
    assert words in str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="is a device or a pipe"):
        readable(tmp_path / "pipe")
