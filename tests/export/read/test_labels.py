from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxcam_export import ExportError
from onnxcam_export.read.labels import for_classes, labels_of

WANTED = ("cat", "dog", "emu")


@pytest.mark.parametrize(
    "form",
    [
        ["cat", "dog", "emu"],
        WANTED,
        iter(WANTED),
        {0: "cat", 1: "dog", 2: "emu"},
        {2: "emu", 0: "cat", 1: "dog"},
        {"0": "cat", "1": "dog", "2": "emu"},
    ],
)
def test_the_forms(form):
    assert labels_of(form) == WANTED


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "cat\ndog\nemu\n"),
        ("labels.txt", "cat\r\ndog\r\nemu\r\n\r\n"),
        ("labels.txt", "\ufeffcat\ndog\nemu"),
        ("labels", " cat\t\ndog \n emu\n\n\n"),
        ("labels.json", json.dumps(WANTED)),
        ("labels.json", json.dumps({0: "cat", 1: "dog", 2: "emu"})),
        ("config.json", "\ufeff" + json.dumps({"hidden_size": 3, "id2label": {"0": "cat", "1": "dog", "2": "emu"}})),
    ],
)
def test_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content.encode())
    assert labels_of(tmp_path / name) == WANTED
    assert labels_of(str(tmp_path / name)) == WANTED


def test_a_blank_line_inside_is_a_label_and_an_empty_file_has_none(tmp_path):
    (tmp_path / "labels.txt").write_text("cat\n\nemu\n")
    assert labels_of(tmp_path / "labels.txt") == ("cat", "", "emu")
    (tmp_path / "labels.txt").write_text("\n")
    assert labels_of(tmp_path / "labels.txt") == ()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("cat", "labels is the text 'cat', and there is no such file; give a list of texts, a mapping such as"),
        ("x" * 5000, "there is no such file"),
        ("a\0b", "there is no such file"),
        (b"cat", "labels is a bytes, which has no texts in order"),
        ({"cat", "dog"}, "labels is a set, which has no texts in order"),
        (3, "labels is a int, which"),
        ([0, 1], "labels[0] is 0, a int; give a text for each class"),
        (["cat", None], "labels[1] is None, a NoneType"),
        ([["n01440764", "tench"]], "labels[0] is ['n01440764', 'tench'], a list"),
        (["cat\ud800"], "give valid Unicode"),
        (["c" * 10_001], "of at most 10000 characters"),
        ({0: "cat", 2: "emu"}, "labels has the key 2 and none for class 1; give a key for each class, from 0 to 1"),
        ({1: "cat", 2: "dog"}, "labels has the key 2 and none for class 0"),
        ({"cat": 0, "dog": 1}, "labels has the key 'cat' and none for class 0; it maps names to numbers: swap them"),
        ({"9" * 5000: "cat"}, "labels has the key '999"),
        ({0: 5}, "labels[0] is 5"),
    ],
)
def test_mistakes(form, words):
    with pytest.raises(ExportError) as error:
        labels_of(form)
    assert words in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("labels.json", b"{", "is not JSON"),
        ("labels.json", b'"cat"', "labels.json holds a str and no list or mapping of class names"),
        ("labels.json", b"[" * 100_000, "is nested too deeply"),
        ("labels.txt", b"c\xe4t", "is not text in UTF-8"),
        ("labels.txt", b"c" * (2**24 + 1), "has more than 16 MiB"),
    ],
)
def test_files_that_are_none(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExportError, match=words):
        labels_of(tmp_path / name)


@pytest.mark.parametrize("path", [Path("missing.txt"), Path(__file__).parent])
def test_what_is_no_file(path):
    with pytest.raises(ExportError, match=rf"cannot read .*{path.name}: .*; give a text file"):
        labels_of(path)


def test_the_count():
    assert for_classes(None, 4) == (None, None)
    assert for_classes(WANTED, 3) == (WANTED, None)
    with pytest.raises(ExportError, match="3 labels were given for 4 classes; give one for each, in order"):
        for_classes(WANTED, 4)


def test_two_labels_for_one_score():
    labels, note = for_classes(("cat", "dog"), 1)
    assert labels == ("dog",)
    assert note.startswith("the model has one score, taken to be that of 'dog'; explanations for 'cat'")


KEYS = st.integers(-1, 3) | st.text(max_size=3) | st.none() | st.booleans() | st.floats()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(VALUES | st.dictionaries(st.integers(0, 3) | st.sampled_from("0123"), st.text(max_size=4)))
def test_whatever_is_given_becomes_texts_or_is_refused_in_a_sentence(form):
    try:
        labels = labels_of(form)
    except ExportError as error:
        message = str(error)
        assert "\n" not in message and len(message) < 1000  # noqa: PT018 — most examples end here
        return
    if labels is None:
        assert form is None
    else:
        assert len(labels) == len(form)
        assert all(type(label) is str and label.encode() is not None for label in labels)
