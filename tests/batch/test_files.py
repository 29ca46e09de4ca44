import hashlib

import pyarrow as pa
import pytest

from onnxcam import PictureError
from onnxcam.batch.files import listed, loaded
from onnxcam.bulk.sources import parsed


def test_a_folder_and_a_pattern_are_listed_in_order(photographs):
    names = [path.removeprefix(f"{photographs}/") for path in listed(parsed(str(photographs)))]
    assert names == sorted(names)
    assert len(names) == 32
    assert {"00.png", "deep/01.png", "damaged.jpg"} <= set(names)
    assert [path[-11:] for path in listed(parsed(f"{photographs}/*/0?.png"))] == [
        f"deep/0{n}.png" for n in (1, 3, 5, 7, 9)
    ]
    assert listed(parsed(f"{photographs}/notes.txt")) == [f"{photographs}/notes.txt"]
    assert listed(parsed(f"file://{photographs}/0?.png"))[0] == f"file://{photographs}/00.png"


def test_nothing_to_list_is_one_sentence(photographs):
    for text, words in [
        (f"{photographs}/none", "there is no .*/none$"),
        (f"{photographs}/*.tif", r"there are no images in .*photographs by the pattern \*\.tif$"),
        ("nothing://bucket", "cannot open nothing://bucket: "),
    ]:
        with pytest.raises(PictureError, match=words):
            listed(parsed(text))


def test_files_are_read_and_what_cannot_be_read_says_why(photographs):
    paths = ["00.png", f"{photographs}/02.png", f"file://{photographs}/04.png", "gone.png", "deep", None, "nothing://y"]
    table = loaded(pa.table({"path": paths}), str(photographs)).to_pydict()
    assert table["path"] == paths
    for row, name in enumerate(["00.png", "02.png", "04.png"]):
        content = (photographs / name).read_bytes()
        assert (table["bytes"][row], table["error"][row]) == (content, None)
        assert table["hash"][row] == hashlib.sha256(content).hexdigest()
    assert table["bytes"][3:] == table["hash"][3:] == [None] * 4
    errors = table["error"][3:]
    assert errors[:3] == ["gone.png does not exist", "deep is no file", "there is no path"]
    assert errors[3].startswith("cannot open nothing://y: ")


def test_bytes_are_taken_as_they_are():
    table = loaded(pa.table({"path": ["a", "b"], "bytes": [b"x", None]})).to_pydict()
    assert table["bytes"] == [b"x", None]
    assert table["hash"] == [hashlib.sha256(b"x").hexdigest(), None]
    assert table["error"] == [None, "there are no bytes"]
