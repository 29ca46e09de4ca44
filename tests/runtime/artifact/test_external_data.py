import numpy as np
import pytest

import onnxcam
from onnxcam.artifact.external_data import MESSAGES, locations, refuse_foreign_data
from onnxcam.errors import ModelError

EXTERNAL_DATA, DATA_LOCATION = 13, 14  # of TensorProto


def varint(value: int) -> bytes:
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def entry(key: str, value: str) -> bytes:
    return field(EXTERNAL_DATA, field(1, key.encode()) + field(2, value.encode()))


def model(location: str, *path: int) -> bytes:
    """A model with one external tensor, in the field that a path of field numbers leads to."""
    message = entry("offset", "0") + entry("location", location) + varint(DATA_LOCATION << 3) + b"\x01"
    for number in reversed(path):
        message = field(number, message)
    return message


def externalised(data, location: str) -> bytes:
    """``pooled.onnx`` with its first weights in another file, and a comment of the length that this saves."""
    whole = (data / "pooled.onnx").read_bytes()
    weights = field(9, conv_weights())
    assert whole.count(weights) == 1
    external = entry("location", location) + varint(DATA_LOCATION << 3) + b"\x01"
    comment = field(12, b" " * (len(weights) - len(external) - 3))
    return whole.replace(weights, external + comment)


def conv_weights() -> bytes:
    """As tests/data/make_toy.py makes them."""
    return np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32).tobytes()


@pytest.fixture
def check(tmp_path):
    """Writes a model into a folder of its own and looks where its tensors are."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def check(content: bytes) -> None:
        (folder / "m.onnx").write_bytes(content)
        refuse_foreign_data(str(folder / "m.onnx"), "m.onnx")

    return check


@pytest.mark.parametrize(
    "path",
    [
        (7, 5),
        (7, 15, 1),
        (7, 15, 2),
        (7, 1, 5, 5),
        (7, 1, 5, 10),
        (7, 1, 5, 22, 1),
        (7, 1, 5, 23, 2),
        (7, 1, 5, 6, 5),
        (7, 1, 5, 11, 1, 5, 6, 1, 5, 5),
        (20, 1, 5),
        (20, 2, 1, 5, 5),
        (25, 7, 5, 5),
        (25, 11, 6, 5),
    ],
    ids=str,
)
def test_locations_are_found_wherever_a_tensor_can_be(check, path):
    assert list(locations(model("weights.bin", *path))) == ["weights.bin"]
    check(model("weights.bin", *path))
    with pytest.raises(ModelError, match=r"m\.onnx keeps a tensor in '\.\./weights\.bin', which is not in the model's"):
        check(model("../weights.bin", *path))


def test_the_table_is_that_of_onnx():
    onnx = pytest.importorskip("onnx")
    for name, inside in MESSAGES.items():
        fields = [item for item in getattr(onnx, name).DESCRIPTOR.fields if item.message_type]
        if name == "TensorProto":
            expected = {item.number: item.message_type.name for item in fields if item.name == "external_data"}
        else:
            expected = {item.number: item.message_type.name for item in fields if item.message_type.name in MESSAGES}
        assert inside == expected


@pytest.mark.parametrize("location", ["weights.bin", "below/weights.bin", "./x", "a..b", "ab:y", "missing"])
def test_what_is_in_the_folder_is_allowed(check, location):
    check(model(location, 7, 5))


@pytest.mark.parametrize(
    "location",
    ["../x", "below/../../x", "a\\..\\x", "/etc/passwd", "\\x", "C:\\x", "c:x", "", "*/_ORT_MEM_ADDR_/*", "/dev/zero"],
)
def test_what_is_not_in_the_folder_is_refused(check, location):
    with pytest.raises(ModelError, match="which is not in the model's folder"):
        check(model(location, 7, 5))


def test_links_are_followed(check, tmp_path):
    folder = tmp_path / "folder"
    (tmp_path / "secret").write_text("x")
    (folder / "inside").write_text("x")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    (folder / "in").symlink_to("inside")
    (folder / "circle").symlink_to("circle")
    check(model("in", 7, 5))
    for location in ("out", "up/secret", "up/folder/../secret", "circle"):
        with pytest.raises(ModelError):
            check(model(location, 7, 5))


def test_a_cache_of_links_is_allowed(tmp_path):
    """As a hub's client lays one out: the model and its data are links to files that lie together elsewhere."""
    for folder in ("blobs", "snapshot"):
        (tmp_path / folder).mkdir()
    (tmp_path / "blobs" / "1").write_bytes(model("m.onnx.data", 7, 5))
    (tmp_path / "blobs" / "2").write_bytes(b"weights")
    (tmp_path / "snapshot" / "m.onnx").symlink_to(tmp_path / "blobs" / "1")
    (tmp_path / "snapshot" / "m.onnx.data").symlink_to(tmp_path / "blobs" / "2")
    refuse_foreign_data(str(tmp_path / "snapshot" / "m.onnx"), "m.onnx")


def test_a_key_given_twice_hides_nothing(check):
    pair = field(1, b"location") + field(1, b"other") + field(2, b"../x") + field(2, b"y")
    with pytest.raises(ModelError, match="keeps a tensor in"):
        check(field(7, field(5, field(EXTERNAL_DATA, pair))))


def test_a_tag_with_bits_that_protobuf_drops_hides_nothing(check):
    graph = field(5, entry("location", "../x"))
    tag = bytes([7 << 3 | 2 | 0x80, 0x80, 0x80, 0x80, 0x70])
    with pytest.raises(ModelError, match="keeps a tensor in"):
        check(tag + varint(len(graph)) + graph)


@pytest.mark.parametrize(
    "content",
    [
        b"\x3a",
        b"\x3a\x05ab",
        b"\x3a" + b"\xff" * 20,
        b"\x3b\x3c",
        b"\x09abc",
        field(7, b"\x0a\x7f"),
        model("x", 7, *(1, 5, 6) * 40, 5),
        b"not a model",
    ],
    ids=["cut", "short", "varint", "group", "fixed", "inside", "deep", "text"],
)
def test_what_is_no_protobuf_is_refused(check, content):
    with pytest.raises(ModelError, match=r"m\.onnx is not a model that ONNX Runtime can load"):
        check(content)


def test_a_name_that_no_file_can_have(check):
    with pytest.raises(ModelError, match="cannot be found"):
        check(model("a\0b", 7, 5))


def test_bytes_have_no_folder():
    with pytest.raises(ModelError, match="which a model given as bytes cannot; open it from its path"):
        refuse_foreign_data(model("weights.bin", 7, 5), "the model")


def test_a_model_with_external_data_works_from_its_folder_alone(data, tmp_path, pooled):
    (tmp_path / "weights.bin").write_bytes(conv_weights())
    (tmp_path / "folder").mkdir()
    (tmp_path / "beside.onnx").write_bytes(externalised(data, "weights.bin"))
    ones = np.ones((1, 3, 8, 8), np.float32)
    expected = pooled.run(ones, level=0).scores
    np.testing.assert_array_equal(onnxcam.Explainer(tmp_path / "beside.onnx").run(ones, level=0).scores, expected)
    for location in ("../weights.bin", str(tmp_path / "weights.bin")):
        (tmp_path / "folder" / "m.onnx").write_bytes(externalised(data, location))
        with pytest.raises(ModelError, match="which is not in the model's folder"):
            onnxcam.Explainer(tmp_path / "folder" / "m.onnx")
    with pytest.raises(ModelError, match="external data"):
        onnxcam.Explainer(externalised(data, "weights.bin"))


@pytest.mark.parametrize("name", ["toy", "pooled", "flat"])
def test_models_without_external_data_have_no_locations(data, name):
    assert list(locations((data / f"{name}.onnx").read_bytes())) == []


def test_onnx_runtimes_own_format_is_not_looked_at(data, tmp_path):
    """What ends in ``.ort`` is no protobuf for ONNX Runtime either, so nothing slips by."""
    (tmp_path / "m.ort").write_bytes(externalised(data, "../weights.bin"))
    with pytest.raises(ModelError, match="is not a model that ONNX Runtime can load"):
        onnxcam.Explainer(tmp_path / "m.ort")
