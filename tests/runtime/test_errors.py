import copy
import inspect

import pytest

from onnxcam import errors


def test_every_error_derives_from_one():
    found = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]
    assert len(found) > 10
    assert all(issubclass(cls, errors.OnnxCamError) for cls in found)


def test_the_drawing_shows_the_whole_tree():
    for name, _ in inspect.getmembers(errors, inspect.isclass):
        assert name in errors.__doc__


@pytest.mark.parametrize("kind", [errors.PictureError, errors.RunTimeoutError], ids=lambda kind: kind.__name__)
def test_a_message_is_one_printable_line_whatever_it_names(kind):
    error = kind("cannot read a\nb\x1b[31m\udcff.png: embedded null byte")
    assert str(error) == r"cannot read a\nb\x1b[31m\udcff.png: embedded null byte"
    assert str(copy.copy(error)) == str(error)
