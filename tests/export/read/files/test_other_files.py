from __future__ import annotations

import pytest

from onnxcam_export import SourceError, export


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "w.pth",
            "has the weights of a PyTorch model and not its architecture; load them into the module and give the",
        ),
        ("w.SAFETENSORS", r"--weights .*w\.SAFETENSORS'"),
        ("net.py", r"is Python source; name the function in it that makes the module, as in '.*net\.py:make_model'"),
        ("p.pt2", "is an exported program; give what torch.export.load"),
        ("k.keras", "is a TensorFlow or Keras model; convert it to ONNX with tf2onnx"),
        ("m.ort", "is in ONNX Runtime's own format"),
    ],
)
def test_another_kind_of_model(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"content")
    with pytest.raises(SourceError, match=words):
        export(tmp_path / name, tmp_path / "out.onnx")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        export(tmp_path / "w.pth", tmp_path / "out.onnx")
