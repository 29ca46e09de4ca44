"""Files that are given as a model and are none: each kind with the way from there to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam_export.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

_WEIGHTS = (
    "has the weights of a PyTorch model and not its architecture; load them into the module and give the module, or on "
    "the command line 'onnxcam export FILE.py:FACTORY --weights {file}'"
)
_TENSORFLOW = "is a TensorFlow or Keras model; convert it to ONNX with tf2onnx, or with Keras 3's model.export, first"
_KINDS = {
    ".py": "is Python source; name the function in it that makes the module, as in '{file}:make_model'",
    ".pt2": "is an exported program; give what torch.export.load('{file}') returns",
    **dict.fromkeys((".pth", ".pt", ".ckpt", ".safetensors"), _WEIGHTS),
    **dict.fromkeys((".h5", ".keras", ".tflite"), _TENSORFLOW),
    ".ort": "is in ONNX Runtime's own format; give the .onnx file that it was made from",
}


def check_is_onnx(file: Path) -> None:
    """Refuses a file whose name says that it is another kind of model.

    Raises:
        SourceError: The message says what it is, and what to give.
    """
    kind = _KINDS.get(file.suffix.lower())
    if kind is not None and file.is_file():
        raise SourceError(f"{file} {kind.format(file=file)}")
