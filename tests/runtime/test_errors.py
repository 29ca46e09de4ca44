import inspect

from onnxcam import errors


def test_every_error_derives_from_one():
    found = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]
    assert len(found) > 10
    assert all(issubclass(cls, errors.OnnxCamError) for cls in found)


def test_the_drawing_shows_the_whole_tree():
    for name, _ in inspect.getmembers(errors, inspect.isclass):
        assert name in errors.__doc__
