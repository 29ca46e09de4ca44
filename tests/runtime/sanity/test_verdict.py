import pytest

from onnxcam.metadata import MethodSanity, Sanity
from onnxcam.sanity.verdict import grade, in_words, verdict_lines


def of(**methods):
    return Sanity(3, methods)


def numbers(classes, classifier, unsigned=0.5, shift=1.0):
    return MethodSanity(classes, classifier, unsigned, 0.0, shift)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (numbers(0.1, 0.2), "changes"),
        (numbers(0.5, 0.2), "in part"),
        (numbers(0.2, 0.5), "in part"),
        (numbers(0.9, 0.1), "does not"),
        (numbers(0.1, 0.9), "does not"),
        (numbers(None, 0.1), "changes"),
        (numbers(None, 0.9), "does not"),
        (numbers(0.1, 0.0, unsigned=0.9), "does not"),
    ],
)
def test_the_larger_correlation_counts(method, expected):
    assert grade("x", of(x=method)) == expected


def test_a_product_is_no_better_than_its_factor():
    good, bad = numbers(0.1, 0.1), numbers(1.0, 1.0)
    assert grade("guided-grad-cam", Sanity(1, {"guided-backprop": bad, "guided-grad-cam": good})) == "in part"
    assert grade("guided-grad-cam", Sanity(1, {"guided-backprop": good, "guided-grad-cam": good})) == "changes"
    assert grade("guided-grad-cam", Sanity(1, {"guided-grad-cam": good})) == "changes"


def test_words():
    sanity = Sanity(1, {"guided-backprop": numbers(1.0, 1.0), "eigen-cam": numbers(1.0, 1.0), "cam": numbers(0, 0)})
    assert list(verdict_lines(sanity)) == [
        (
            "Guided Backpropagation does not change when the classifier is randomised: read it as where edges are, "
            "not why the class"
        ),
        (
            "EigenCAM does not change when the classifier is randomised: read it as where the network responds, "
            "not why the class"
        ),
        "CAM changes when the classifier is randomised",
    ]
    assert "constant" in in_words("x", of(x=numbers(0, 0, shift=0.9)))
    assert "constant" not in in_words("x", of(x=numbers(0, 0, shift=None)))
