import numpy as np
import pytest

from onnxcam.sanity.similarity import spearman, structural_similarity


def slow_spearman(a, b):
    """Pearson's correlation of ranks, counted one by one."""
    ranks = [[sum(o < v for o in x) + (sum(o == v for o in x) + 1) / 2 for v in x] for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def slow_ssim(a, b):
    """Wang's formula, window by window."""
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            weights = np.array(
                [
                    [
                        np.exp(-((i - u) ** 2 + (j - v) ** 2) / 4.5) * (abs(i - u) <= 5 and abs(j - v) <= 5)
                        for v in range(a.shape[1])
                    ]
                    for u in range(a.shape[0])
                ]
            )
            weights /= weights.sum()
            x, y = (weights * a).sum(), (weights * b).sum()
            vx, vy = (weights * (a - x) ** 2).sum(), (weights * (b - y) ** 2).sum()
            vxy = (weights * (a - x) * (b - y)).sum()
            total += (2 * x * y + 1e-4) * (2 * vxy + 9e-4) / ((x * x + y * y + 1e-4) * (vx + vy + 9e-4))
    return total / a.size


def test_ranks_with_ties():
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 6, (2, 40)).astype(np.float32)
    assert spearman(a.reshape(5, 8), b.reshape(5, 8)) == pytest.approx(slow_spearman(a, b), abs=1e-12)


def test_only_the_order_matters():
    a = np.random.default_rng(0).random((5, 7))
    assert spearman(a, np.exp(9 * a)) == 1
    assert spearman(a, -a) == -1


def test_a_constant_map_has_no_order():
    ramp, flat = np.arange(6.0), np.zeros(6)
    assert (spearman(ramp, flat), spearman(flat, ramp), spearman(flat, flat)) == (0, 0, 1)


def test_structural_similarity_is_that_of_the_formula():
    a, b = np.random.default_rng(0).random((2, 13, 17))
    assert structural_similarity(a, b) == pytest.approx(slow_ssim(a, b), abs=1e-9)
    assert structural_similarity(a, a) == pytest.approx(1)
    assert structural_similarity(a, 1 - a) < -0.5


@pytest.mark.parametrize("shape", [(20,), (5, 6, 7)])
def test_signals_and_volumes(shape):
    a, b = np.random.default_rng(0).random((2, *shape))
    assert structural_similarity(a, a) == pytest.approx(1)
    assert abs(structural_similarity(a, b)) < 0.5
