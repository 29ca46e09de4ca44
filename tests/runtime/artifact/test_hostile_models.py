"""Models that declare sizes that nothing has: each is one sentence, and ONNX Runtime prints nothing beside it."""

from __future__ import annotations

import pytest

import onnxcam
from onnxcam.artifact import wire
from onnxcam.errors import ModelError

# Numbers of fields in onnx.proto: ModelProto, GraphProto, NodeProto, TensorProto.
GRAPH, NODE, INITIALIZER = 7, 1, 5
DIMS, TYPE, NAME, RAW, EXTERNAL, WHERE = 1, 2, 8, 9, 13, 14
FLOAT, INT64 = 1, 7


def node(operator: str, value: str, result: str) -> bytes:
    inner = wire.field(1, value.encode()) + wire.field(2, result.encode()) + wire.field(4, operator.encode())
    return wire.field(NODE, inner)


def tensor(name: str, dims: list[int], raw: bytes = b"", kind: int = FLOAT) -> bytes:
    sizes = b"".join(wire.number_field(DIMS, size) for size in dims)
    return sizes + wire.number_field(TYPE, kind) + wire.field(NAME, name.encode()) + wire.field(RAW, raw)


def external(dims: list[int], **where: object) -> bytes:
    """A tensor in another file."""
    entries = [wire.field(1, key.encode()) + wire.field(2, str(value).encode()) for key, value in where.items()]
    sizes = b"".join(wire.number_field(DIMS, size) for size in dims)
    inner = sizes + wire.number_field(TYPE, FLOAT) + wire.field(NAME, b"large")
    return inner + b"".join(wire.field(EXTERNAL, entry) for entry in entries) + wire.number_field(WHERE, 1)


USE = node("ReduceSum", "large", "sum")
FILL = wire.field(INITIALIZER, tensor("shape", [1], (2**40).to_bytes(8, "little"), INT64))
HOSTILE = {
    "more than the bytes": wire.field(INITIALIZER, tensor("large", [2**40], b"abcd")) + USE,
    "an overflow": wire.field(INITIALIZER, tensor("large", [2**40, 2**40])) + USE,
    "a negative size": wire.field(INITIALIZER, tensor("large", [2**64 - 1])) + USE,
    "more than the file": wire.field(INITIALIZER, external([2**40], location="w.bin", length=2**42)) + USE,
    "beyond the file": wire.field(INITIALIZER, external([4], location="w.bin", offset=2**62, length=16)) + USE,
    "filled at run time": FILL + node("ConstantOfShape", "shape", "large") + USE,
}


def with_graph(content: bytes, extra: bytes) -> bytes:
    """A model with more in its graph."""
    parts = [
        wire.field(GRAPH, content[start:end] + extra) if number == GRAPH else content[first:end]
        for number, _, first, start, end in wire.spans(content, 0, len(content))
    ]
    return b"".join(parts)


@pytest.mark.parametrize("level", [None, 1])
@pytest.mark.parametrize("kind", HOSTILE)
def test_gigantic_sizes_are_one_sentence(data, picture, tmp_path, capfd, kind, level):
    path = tmp_path / "m.onnx"
    path.write_bytes(with_graph((data / "pooled.onnx").read_bytes(), HOSTILE[kind]))
    (tmp_path / "w.bin").write_bytes(bytes(16))
    with pytest.raises(ModelError) as caught:
        onnxcam.Explainer(path, threads=1, level=level).explain(picture)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_the_same_model_without_them_works(data, picture, tmp_path):
    small = wire.field(INITIALIZER, tensor("large", [1], bytes(4))) + USE
    path = tmp_path / "m.onnx"
    path.write_bytes(with_graph((data / "pooled.onnx").read_bytes(), small))
    expected = onnxcam.Explainer(data / "pooled.onnx", threads=1).explain(picture)
    assert (onnxcam.Explainer(path, threads=1).explain(picture).scores == expected.scores).all()
