"""Classes by their names."""

import pytest

from onnxcam.errors import TargetError
from onnxcam.targets.labels import find_label


def test_labels_with_the_word_are_suggested_before_those_that_are_spelt_alike():
    labels = ["crate", "castle", "oxcart", "tiger cat", "Egyptian cat"]
    with pytest.raises(TargetError, match="did you mean 'tiger cat' or 'Egyptian cat' or 'crate'"):
        find_label("cat", labels)


def test_a_name_of_many_classes_lists_some():
    with pytest.raises(TargetError, match=r"'a' names the classes 0, 1, .* and 979 more and 999; give one"):
        find_label("a", ["a"] * 1000)


def test_a_whole_name_goes_before_a_synonym():
    assert find_label("missile", ["projectile, missile", "missile"]) == 1
