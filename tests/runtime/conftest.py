"""What the runtime's tests share. They run where only the runtime is installed: no onnx, no torch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pytest
from PIL import Image

import onnxcam
from onnxcam.contract import METADATA_KEY
from onnxcam.execution.session import open_session

if TYPE_CHECKING:
    from onnxcam.metadata import Metadata

DATA = Path(__file__).parent.parent / "data"

# The same examples in every run, and none given up for taking long on a busy machine.
hypothesis.settings.register_profile("onnxcam", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("onnxcam")


@pytest.fixture(scope="session")
def data() -> Path:
    return DATA


@pytest.fixture(scope="session")
def toy() -> onnxcam.Explainer:
    """captum's toy network: no labels, no preprocessing, layers relu1 and conv1."""
    return onnxcam.Explainer(DATA / "toy.onnx", threads=1)


@pytest.fixture(scope="session")
def plain() -> onnxcam.Explainer:
    """``toy`` with the plain gradient at its input, in place of the guided one."""
    return onnxcam.Explainer(DATA / "plain.onnx", threads=1)


@pytest.fixture(scope="session")
def pooled() -> onnxcam.Explainer:
    """Labels, preprocessing, softmax, CAM at its one layer ``features``."""
    return onnxcam.Explainer(DATA / "pooled.onnx", threads=1)


@pytest.fixture(scope="session")
def flat() -> onnxcam.Explainer:
    """``pooled`` without gates, and with the channels last."""
    return onnxcam.Explainer(DATA / "flat.onnx", threads=1)


@pytest.fixture
def ramp() -> np.ndarray:
    """The toy's published input, 0 to 15."""
    return np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A photograph-like picture of 60 by 40 pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    return path


Rewrite = Callable[..., bytes]


@pytest.fixture(scope="session")
def rewritten() -> Rewrite:
    """``rewritten("pooled", labels=None)``: the model's bytes with other metadata; ``entry=`` sets the raw entry."""

    def rewrite(name: str, entry: str | bytes | None = None, **changes: Any) -> bytes:
        path = DATA / f"{name}.onnx"
        if changes:
            entry = dataclasses.replace(open_session(path)[1], **changes).to_json()
        return without_metadata(path.read_bytes()) + (b"" if entry is None else _entry(METADATA_KEY, entry))

    return rewrite


@pytest.fixture(scope="session")
def future(rewritten: Rewrite) -> bytes:
    """A model whose metadata have a schema that does not exist yet."""
    text = json.dumps(json.loads(_metadata("pooled").to_json()) | {"schema": 99})
    return rewritten("pooled", text)


def _metadata(name: str) -> Metadata:
    return open_session(DATA / f"{name}.onnx")[1]


# Enough of protobuf's wire format to exchange ModelProto.metadata_props (field 14) without the onnx package.
_METADATA_PROPS = 14 << 3 | 2


def without_metadata(model: bytes) -> bytes:
    kept, position = b"", 0
    while position < len(model):
        start = position
        tag, position = _read_varint(model, position)
        size, position = _read_varint(model, position)
        if tag & 7 == 2:  # the other fields are varints, which have been read already
            position += size
        if tag != _METADATA_PROPS:
            kept += model[start:position]
    return kept


def _entry(key: str, value: str | bytes) -> bytes:
    pair = _field(1, key.encode()) + _field(2, value.encode() if isinstance(value, str) else value)
    return _varint(_METADATA_PROPS) + _varint(len(pair)) + pair


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def _read_varint(content: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
