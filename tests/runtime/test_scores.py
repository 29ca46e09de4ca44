import numpy as np
import pytest

from onnxcam.scores import ClassScore, probabilities, short_repr


def test_softmax_and_sigmoid():
    scores = np.array([[1, 2, 3], [0, 0, 0]], np.float32)
    exponentials = np.exp(scores.astype(np.float64))
    np.testing.assert_allclose(probabilities(scores, "softmax"), exponentials / exponentials.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(probabilities(scores, "sigmoid"), 1 / (1 + np.exp(-scores.astype(np.float64))))
    assert probabilities(scores, None) is None


def test_large_scores_do_not_overflow():
    scores = np.array([[1e4, -1e4]], np.float32)
    np.testing.assert_array_equal(probabilities(scores, "softmax"), [[1, 0]])
    np.testing.assert_array_equal(probabilities(scores, "sigmoid"), [[1, 0]])


def test_a_class_score_is_one_short_line():
    assert repr(ClassScore(281, "tabby", 9.123456, 0.81234567)) == (
        "ClassScore(index=281, label='tabby', score=9.123, probability=0.8123)"
    )
    assert repr(ClassScore(3, "3", 54.0, None)) == "ClassScore(index=3, label='3', score=54, probability=None)"


@pytest.mark.parametrize("label", ["two\nlines", "\udc80", "\u202e", "x" * 10_000])
def test_labels_do_not_break_the_line(label):
    assert repr(ClassScore(0, label, 1, 1)).isprintable()
    assert len(short_repr(label)) < 80
