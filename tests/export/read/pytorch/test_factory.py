from __future__ import annotations

import pytest

from onnxcam_export import SourceError
from onnxcam_export.read.pytorch.factory import from_file

FACTORIES = """
def plain():
    return "plain"

def by_name(width=3, *, classes=2):
    return classes

def any_keyword(**options):
    return options

def needs(num_classes):
    return num_classes

def needs_more(num_classes, width):
    return num_classes

def exits():
    raise SystemExit(3)

class Made:
    def named_modules(self):
        return []

made = Made()

NUMBER = 3
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "factories.py").write_text(FACTORIES)
    return tmp_path / "factories.py"


def test_the_number_of_classes_is_given_under_the_factorys_own_name(file):
    assert from_file(file, "plain") == "plain"
    assert from_file(file, "by_name") == 2
    assert from_file(file, "by_name", 5) == 5
    assert from_file(file, "any_keyword", 5) == {"num_classes": 5}
    assert from_file(file, "needs", 5) == 5


@pytest.mark.parametrize(
    ("factory", "classes", "words"),
    [
        ("plain", 5, ":plain takes no number of classes; add a parameter num_classes, or leave --classes out"),
        ("needs", None, ":needs needs num_classes; give --classes"),
        ("needs_more", None, ":needs_more needs num_classes, width; give a function that makes the module without"),
        ("needs_more", 5, ":needs_more failed with TypeError"),
        ("absent", None, ":absent failed with AttributeError"),
        ("NUMBER", None, ":NUMBER failed with TypeError"),
    ],
)
def test_mistakes(file, factory, classes, words):
    with pytest.raises(SourceError, match=words):
        from_file(file, factory, classes)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SourceError, match=r"does not exist; give FILE\.py:FACTORY"):
        from_file(tmp_path / "missing.py", "plain")


def test_a_module_that_the_file_has_made(file):
    assert type(from_file(file, "made")).__name__ == "Made"
    with pytest.raises(SourceError, match="made is a module already and takes no number of classes"):
        from_file(file, "made", 5)


def test_a_factory_that_exits(file):
    with pytest.raises(SourceError, match="exits failed with SystemExit: 3"):
        from_file(file, "exits")
