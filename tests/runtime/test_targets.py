import numpy as np
import pytest

from onnxcam.errors import TargetError
from onnxcam.targets import find_label, resolve

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
        ("9", "no class 9"),
        (1.0, "not 1.0"),
        (True, "not True"),
        (None, "not None"),
        ([], "no target is given"),
        ([[1]], "not [1]"),
    ],
)
def test_what_does_not_exist_is_said(target, words):
    with pytest.raises(TargetError) as caught:
        targets(target)
    assert words in str(caught.value)


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


def test_a_whole_name_goes_before_a_synonym():
    assert find_label("missile", ["projectile, missile", "missile"]) == 1
