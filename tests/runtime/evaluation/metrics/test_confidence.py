import numpy as np
import pytest

from onnxcam.evaluation.metrics import (
    adcc,
    average_drop,
    coherency,
    complexity,
    confidence_drop,
    increase_in_confidence,
    masked,
)


def test_drops_and_increases():
    before, after = [0.8, 0.5, 0.2, 0.0], [0.2, 0.6, 0.2, 0.1]
    assert average_drop(before, after).tolist() == pytest.approx([0.75, 0, 0, 0])
    assert confidence_drop(before, after).tolist() == pytest.approx([0.6, 0, 0, 0])
    assert increase_in_confidence(before, after).tolist() == [0, 1, 0, 1]


def test_coherency_is_numpys_correlation():
    a, b = np.random.default_rng(0).random((2, 5, 7))
    assert coherency(a, b) == pytest.approx((np.corrcoef(a.ravel(), b.ravel())[0, 1] + 1) / 2, rel=1e-12)
    assert coherency(a, 3 * a - 1) == pytest.approx(1)
    assert coherency(a, -a) == pytest.approx(0, abs=1e-12)
    assert coherency(a, np.ones_like(a)) == 0


def test_complexity_is_the_mean_magnitude():
    assert complexity(np.array([[0, 1], [-1, 0.5]])) == 0.625


def test_adcc_is_the_harmonic_mean():
    assert adcc(0.9, 0.3, 0.2) == pytest.approx(3 / (1 / 0.9 + 1 / 0.7 + 1 / 0.8))
    assert adcc([1, 1, 0], [1, 0, 0], [0, 0, 0]).tolist() == [0, 1, 0]


def test_masking_mixes_with_the_substitute():
    image, saliency = np.full((2, 1, 3), 4, np.float32), np.array([[0, 0.5, 1]], np.float32)
    assert masked(image, saliency).tolist() == [[[0, 2, 4]]] * 2
    assert masked(image, saliency, np.full_like(image, -2)).tolist() == [[[-2, 1, 4]]] * 2
    # Black in the preprocessed image is the map times the raw image.
    raw, mean, std = np.random.default_rng(0).random((3, 2, 2)), 0.4, 0.2
    tensor, black, half = (raw - mean) / std, -mean / std, np.random.default_rng(1).random((2, 2))
    assert masked(tensor, half, black) == pytest.approx((raw * half - mean) / std)
