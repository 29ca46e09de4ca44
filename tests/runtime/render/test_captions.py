import pytest

from onnxcam.render.captions import class_line, figure, note, remark
from onnxcam.scores import ClassScore


@pytest.mark.parametrize(
    ("score", "probability", "expected"),
    [
        (3.14159, 0.9412, "94.1%"),
        (3.14159, None, "3.14"),
        (-123456.789, None, "-123456.79"),
        (3.1e38, None, "3.1e+38"),
        (float("nan"), None, "nan"),
        (float("-inf"), None, "-inf"),
    ],
)
def test_figures(score, probability, expected):
    assert figure(ClassScore(0, "cat", score, probability)) == expected


def test_a_score_is_called_a_score():
    assert remark(ClassScore(0, "cat", 2, None)) == "score 2.00"
    assert remark(ClassScore(0, "cat", 2, 0.5)) == "50.0%"


def test_the_first_synonym_stands_for_a_label():
    assert class_line(ClassScore(281, "tabby, tabby cat", 2, 0.5)) == "50.0%  tabby"


def test_notes_name_the_layer_of_a_map():
    assert note("grad-cam", ["layer4"]) == note("cam", ["layer4"]) == "evidence for the class, at layer layer4"
    assert note("layer-cam", ["a", "b"]) == "evidence for the class, largest of 2 layers"
    assert "layer4" not in note("guided-backprop", ["layer4"])


def test_notes_of_a_method_without_a_class_do_not_speak_of_one():
    assert note("eigen-cam", ["layer4"]) == "strongest pattern, whatever the class, at layer layer4"
    assert note("grad-cam", ["{where}"]) == "evidence for the class, at layer {where}"
