"""What is fuzzed: functions of arbitrary bytes, of which each has seeds to begin with.

Whatever the bytes are, a function returns, or raises an ``OnnxCamError`` whose message is one line. Any other exception
is a finding; so are a crash, a run of more than ten seconds, and more than 2 GB of memory.
"""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import numpy as np
from PIL import Image, features

from onnxcam.artifact.adapt import adapt, metadata_of, stated_metadata
from onnxcam.artifact.external_data import refuse_foreign_data
from onnxcam.cli.targets import read_targets
from onnxcam.contract import METADATA_KEY
from onnxcam.errors import OnnxCamError
from onnxcam.execution.bundled import default_model
from onnxcam.metadata import Metadata
from onnxcam.photograph.opening import open_picture
from onnxcam.photograph.preprocessing import preprocess
from onnxcam.serving.picture.options import read_options
from onnxcam.serving.protocol.request import read_request

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parents[1] / "data"
MODELS = [DATA / f"{name}.onnx" for name in ("toy", "plain", "pooled", "flat")]

# Decoding larger pictures would only be slow.
MOST_PIXELS = 2**20

POOLED = stated_metadata(DATA / "pooled.onnx")
DEFAULT = stated_metadata(default_model())
SERVED = SimpleNamespace(metadata=POOLED, highest=2)
_BLANK = b"\n\n"


class FindingError(AssertionError):
    """Something that must hold for any input does not."""


def metadata(content: bytes) -> None:
    """A model's entry of metadata: what is read is written so that it is read as the same."""
    read = Metadata.from_json(content)
    _require(Metadata.from_json(read.to_json()) == read, "metadata that are written and read differ")
    _require("\n" not in read.summary, "the summary has several lines")


def adapting(content: bytes) -> None:
    """A model's bytes: each form that is made says so in its metadata."""
    refuse_foreign_data(content, "the model")
    stated_metadata(content)
    for form in ({"inputs": "required"}, {"level": 0}, {"level": 1}, {"level": 2}):
        try:
            made = metadata_of(adapt(content, **form))
        except OnnxCamError as error:
            _require_one_line(error)
        else:
            _require(form.items() <= {"inputs": made.inputs, "level": made.level}.items(), f"it is not {form}")


def picture(content: bytes) -> None:
    """An image's bytes: what is opened can be made a model's input of finite numbers."""
    opened = open_picture(content, shorter=8, longer=16)
    _require(opened.image.mode == "RGB", "an image is not RGB")
    tensor, _ = preprocess(opened, POOLED)
    _require(bool(np.isfinite(tensor).all()), "a tensor is not finite")


def target(content: bytes) -> None:
    """The text of ``--target``, for a model of five labels and one of a thousand."""
    text = content.decode("utf-8", "surrogateescape").replace("/", "_")  # no file but of the folder
    for known in (POOLED, DEFAULT):
        try:
            (read,) = read_targets([text], known)
        except OnnxCamError as error:
            _require_one_line(error)
        else:
            _require(repr(read) != "", "a target has no name")


def request(content: bytes) -> None:
    """The body of an inference request; after a blank line, the bytes of its tensors."""
    text, blank, tail = content.partition(_BLANK)
    read = read_request(memoryview(text + tail), len(text) if blank else None)
    for array in read.inputs.values():
        _require(array.flags.aligned and array.ndim <= 8, "a tensor is not aligned, or of many axes")


def query(content: bytes) -> None:
    """The query of a request that explains a picture."""
    text = content.decode("utf-8", "replace")
    read = read_options(parse_qsl(text, keep_blank_values=True), "image/png", SERVED, most=4)  # type: ignore[arg-type]
    _require(read.level <= SERVED.highest and 1 <= read.top <= 1000, "the options are out of their ranges")


SUBJECTS: dict[str, Callable[[bytes], None]] = {
    "metadata": metadata,
    "adapt": adapting,
    "picture": picture,
    "target": target,
    "request": request,
    "query": query,
}
# Those of JSON, which is changed as a tree and not only as bytes.
OF_JSON = {"metadata", "request"}


def seeds(name: str) -> list[bytes]:
    """Inputs that are sound, of which the others are made."""
    if name == "metadata":
        return [stated_metadata(path).to_json().encode() for path in (*MODELS, default_model())]
    if name == "adapt":
        return [path.read_bytes() for path in MODELS]
    if name == "picture":
        return _pictures()
    if name == "request":
        return [_IN_JSON, _BINARY]
    if name == "query":
        return [b"target=tiger&target=-1&method=grad-cam&layer=features&format=png&top=3", b"method=all&format=json"]
    words = ["967", "-1", "tiger", "p:tiger", "not:3", "tiger - 3", "mask.png:tiger", "[4, 17]", "tiger cat - tabby"]
    return [word.encode() for word in words]


def words(name: str) -> list[str]:
    """Words that mutations may put in."""
    return [METADATA_KEY, "onnxcam.level", "onnxcam.target", "location", "../"] if name == "adapt" else []


_IN_JSON = (
    b'{"id": "7", "inputs": [{"name": "image", "shape": [1, 2, 2], "datatype": "FP32", "data": [[[1, 2.5], [-3, 0]]]}, '
    b'{"name": "onnxcam.target", "shape": [1], "datatype": "INT64", "data": [-1]}], "outputs": [{"name": "scores", '
    b'"parameters": {"binary_data": false}}]}'
)
_BINARY = (
    b'{"inputs": [{"name": "image", "shape": [1, 4], "datatype": "UINT8", "parameters": {"binary_data_size": 4}}], '
    b'"parameters": {"binary_data_output": true}}\n\n\x00\x01\x02\x03'
)


def run(name: str, content: bytes) -> None:
    """Gives bytes to a function, and takes its own errors."""
    try:
        SUBJECTS[name](content)
    except OnnxCamError as error:
        _require_one_line(error)


def _pictures() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    image, made = Image.fromarray(pixels), []
    kinds = ["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM", "WEBP", "JPEG2000"] + ["AVIF"] * features.check("avif")
    for kind in kinds:
        file = io.BytesIO()
        image.save(file, kind)
        made.append(file.getvalue())
    for mode in ("P", "L", "RGBA", "I;16", "1"):
        file = io.BytesIO()
        (image.convert("L").convert("I;16") if mode == "I;16" else image.convert(mode)).save(file, "PNG")
        made.append(file.getvalue())
    return made


def _require_one_line(error: OnnxCamError) -> None:
    _require(bool(str(error)) and "\n" not in str(error), f"an error is not one line: {error!r}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise FindingError(otherwise)
