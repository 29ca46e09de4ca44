from pathlib import Path

import pytest

from onnxcam.errors import OutputError, TargetError
from onnxcam.reporting.true_labels import true_classes

PICTURES = [Path("a/tabby/1.jpg"), Path("a/tiger cat/2.jpg")]


def test_folders_are_classes(pooled):
    assert true_classes("folders", PICTURES, pooled.metadata) == {PICTURES[0]: 0, PICTURES[1]: 1}


def test_an_unknown_folder_is_said_with_its_picture(pooled):
    with pytest.raises(TargetError, match=r"the label of photos/1\.jpg: there is no class 'photos'"):
        true_classes("folders", [Path("photos/1.jpg")], pooled.metadata)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", "1.jpg,tabby\n2.jpg,1\n"),
        ("l.csv", '\ufeff"1.jpg" , tabby \n\n"2.jpg",tiger cat\n'),
        ("l.csv", "a/tabby/1.jpg,tabby\na/tiger cat/2.jpg,tiger cat\n"),
        ("l.json", '{"1.jpg": "tabby", "2.jpg": 1}'),
        ("l.json", '{"1.jpg": "TABBY", "2.jpg": "tiger cat", "3.jpg": "no class of this model"}'),
    ],
)
def test_files(pooled, tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert true_classes(str(tmp_path / name), PICTURES, pooled.metadata) == {PICTURES[0]: 0, PICTURES[1]: 1}


def test_paths_are_relative_to_the_file(pooled, tmp_path):
    (tmp_path / "l.csv").write_text("x/1.jpg,0\n1.jpg,1\n")
    picture = tmp_path / "x" / "1.jpg"
    assert true_classes(str(tmp_path / "l.csv"), [picture], pooled.metadata) == {picture: 0}


def test_pictures_that_are_not_named_have_no_class(pooled, tmp_path):
    (tmp_path / "l.csv").write_text("1.jpg,tabby\n")
    assert true_classes(str(tmp_path / "l.csv"), PICTURES, pooled.metadata) == {PICTURES[0]: 0}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.csv", b"1.jpg,tabby,3\n", "have 3 columns in row 1: 1.jpg,tabby,3"),
        ("l.csv", b"1.jpg\n", "have 1 columns in row 1"),
        ("l.csv", b"other.jpg,tabby\n", "names none of the pictures"),
        ("l.csv", b"", "names none of the pictures"),
        ("l.csv", b"\xff\xfe", "it is not a text file in UTF-8"),
        ("l.csv", b"1.jpg,dog\n", "the label of a/tabby/1.jpg: there is no class 'dog'"),
        ("l.csv", b"1.jpg,-1\n", "is the rank -1; give the class's index or name"),
        ("l.csv", b"1.jpg,99\n", "the label of a/tabby/1.jpg"),
        ("l.json", b"[1]", "are not as they should be"),
        ("l.json", b'{"1.jpg": [1]}', "are not as they should be"),
    ],
)
def test_what_is_wrong_is_said(pooled, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((TargetError, OutputError)) as caught:
        true_classes(str(tmp_path / name), PICTURES, pooled.metadata)
    assert words in str(caught.value)


def test_a_missing_file_is_said(pooled, tmp_path):
    with pytest.raises(OutputError, match=r"cannot read the labels .*none\.csv: No such file"):
        true_classes(str(tmp_path / "none.csv"), PICTURES, pooled.metadata)
