import numpy as np
import pytest

from onnxcam.evaluation.metrics import kept_least_relevant, kept_most_relevant, road


def test_the_most_or_the_least_relevant_places_are_removed():
    saliency = np.arange(100).reshape(10, 10) / 99
    assert kept_least_relevant(saliency, 80).ravel().tolist() == [True] * 80 + [False] * 20
    assert kept_most_relevant(saliency, 80).ravel().tolist() == [False] * 20 + [True] * 80


def test_equal_places_go_together():
    saliency = np.zeros((10, 10))
    saliency[0, 0] = 1
    assert not kept_most_relevant(saliency, 80).ravel()[1:].any()
    assert not kept_least_relevant(np.ones((3, 3)), 50).any()


def test_road_is_half_the_difference_of_the_means():
    assert road([0.9, 0.7], [0.2, 0.0]) == pytest.approx(0.35)
