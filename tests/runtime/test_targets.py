import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxcam.errors import TargetError
from onnxcam.targets import find_label, resolve
from onnxcam.text import printable

LABELS = ("tabby, tabby cat", "tiger cat", "crane", "crane", "tiger, Panthera tigris", "7")


def targets(target, images=1, labels=LABELS):
    return resolve(target, images=images, classes=6, labels=labels).tolist()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (-1, [-1]),
        (3, [3]),
        (-6, [-6]),
        (np.int32(2), [2]),
        (np.array(2), [2]),
        (np.array([1, -2]), [1, -2]),
        ([0, "tiger cat", -2, np.int64(5)], [0, 1, -2, 5]),
        ((1,), [1]),
        ("Tiger Cat", [1]),
        ("tabby cat", [0]),
        ("tabby, tabby cat", [0]),
        ("TIGER", [4]),
        ("3", [3]),
        ("-2", [-2]),
        ("7", [5]),  # a label goes before a number
    ],
)
def test_what_is_asked_for_is_found(target, expected):
    resolved = resolve(target, images=1, classes=6, labels=LABELS)
    assert resolved.dtype == np.int64
    assert resolved.tolist() == expected


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (6, "no class 6; the model has the classes 0 to 5"),
        (-7, "no rank -7; with 6 classes the ranks are -1 (top) to -6"),
        ("crane", "'crane' names the classes 2 and 3; give one of these numbers"),
        ("tiger kat", "did you mean 'tiger cat'"),
        ("panthera", "did you mean 'tiger, Panthera tigris'"),
        ("xyz", "no class 'xyz'; see the classes with 'onnxcam inspect --labels'"),
        ("", "no class ''; see the classes with"),
        ("tigris", "did you mean 'tiger, Panthera tigris'?"),
        ("9", "no class 9"),
        (1.0, "not 1.0"),
        (True, "not True"),
        (None, "not None"),
        ([], "no target is given"),
        ([[[1]]], "not [1]"),
        ([[1], [1, 2]], "2 lists of targets do not fit 1 images"),
        ([[]], "the lists of targets differ in length, or are empty"),
        (b"ab", "not b'ab'"),
        (iter([1]), "not <list_iterator"),
        pytest.param(10**5000, "no class of such a number; the model has the classes 0 to 5", id="digits"),
        pytest.param(-(10**5000), "no rank of such a number", id="minus digits"),
        pytest.param([[[10**5000]]], "not such a list", id="nested digits"),
        ("9" * 5000, "no class '9999"),
        ("x" * 10**5, "no class 'xxxx"),
        ("\x1b[2J\u202e\ud800", r"no class '\x1b[2J\u202e\ud800'"),
    ],
)
def test_what_does_not_exist_is_said(target, words):
    with pytest.raises(TargetError) as caught:
        targets(target)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


ANYTHING = st.one_of(
    *(st.text(), st.integers(), st.integers(-9, 9), st.floats(), st.booleans(), st.none(), st.binary()),
    *(st.sampled_from(LABELS), st.from_regex(r"\s*-?[0-9]+\s*"), st.text("0123456789-+٣²e. ")),
    *(st.integers(-9, 9).map(np.int8), st.integers(-9, 9).map(np.array), st.integers(-9, 9).map(np.float32)),
)


@pytest.mark.parametrize("labels", [LABELS, None])
@settings(max_examples=500)
@given(target=st.recursive(ANYTHING, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner), max_leaves=4))
def test_anything_is_classes_or_refused(target, labels):
    try:
        resolved = resolve(target, images=1, classes=6, labels=labels)
    except TargetError as error:
        assert str(error) == printable(str(error))  # noqa: PT017  most of what is tried is an error
    else:
        assert resolved.dtype == np.int64
        assert resolved.ndim == 1
        assert resolved.size
        assert set(resolved.tolist()) <= set(range(-6, 6))


def test_without_labels_a_name_is_refused_and_a_number_is_not():
    assert targets("4", labels=None) == [4]
    with pytest.raises(TargetError, match="no labels, so 'cat' names no class; give an index from 0 to 5"):
        targets("cat", labels=None)


@pytest.mark.parametrize(("count", "images"), [(1, 1), (4, 1), (1, 3), (3, 3)])
def test_targets_that_fit_the_batch(count, images):
    assert targets([0] * count, images) == [0] * count


@pytest.mark.parametrize(("count", "images"), [(2, 3), (4, 3), (3, 2)])
def test_targets_that_do_not_fit_the_batch(count, images):
    with pytest.raises(TargetError, match=f"{count} targets do not fit {images} images"):
        targets([0] * count, images)


def test_several_targets_for_each_image():
    assert targets([[0, "tiger cat"], [-1, 3]], 2) == [[0, 1], [-1, 3]]
    assert targets(np.array([[0, 1, 2], [3, 4, 5]]), 2) == [[0, 1, 2], [3, 4, 5]]
    assert targets([["crane 2"] * 2], 1, [*LABELS[:5], "crane 2"]) == [5, 5]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ([[0], [1, 2]], "differ in length"),
        ([[0], 1], "differ in length"),
        ([[0, 1]], "1 lists of targets do not fit 2 images"),
        ([[0], [1], [2]], "3 lists of targets do not fit 2 images"),
        ([[0], [9]], "no class 9"),
    ],
)
def test_lists_of_targets_that_do_not_fit(target, words):
    with pytest.raises(TargetError, match=words):
        targets(target, 2)


def test_labels_with_the_word_are_suggested_before_those_that_are_spelt_alike():
    labels = ["crate", "castle", "oxcart", "tiger cat", "Egyptian cat"]
    with pytest.raises(TargetError, match="did you mean 'tiger cat' or 'Egyptian cat' or 'crate'"):
        find_label("cat", labels)


def test_a_name_of_many_classes_lists_some():
    with pytest.raises(TargetError, match=r"'a' names the classes 0, 1, .* and 979 more and 999; give one"):
        find_label("a", ["a"] * 1000)


def test_a_whole_name_goes_before_a_synonym():
    assert find_label("missile", ["projectile, missile", "missile"]) == 1
