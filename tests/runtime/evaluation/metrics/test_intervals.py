import numpy as np
import pytest

from onnxcam.evaluation.metrics import interval_of, resampled_means


def test_the_interval_is_that_of_the_normal_distribution_for_many_images():
    values = np.random.default_rng(0).standard_normal((400, 1))
    interval = interval_of(float(values.mean()), resampled_means(values)[:, 0])
    half = 1.96 * values.std() / 20
    assert interval.mean == values.mean()
    assert (interval.low, interval.high) == pytest.approx((interval.mean - half, interval.mean + half), abs=0.02)


def test_columns_are_resampled_together():
    values = np.random.default_rng(0).random((9, 1))
    means = resampled_means(np.hstack([values, 2 * values]))
    assert means[:, 1] == pytest.approx(2 * means[:, 0])
    assert resampled_means(values) == pytest.approx(means[:, :1])


def test_one_image_has_no_spread():
    interval = interval_of(0.5, resampled_means(np.array([[0.5]]))[:, 0])
    assert (interval.low, interval.high) == (0.5, 0.5)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_level_is_the_share_of_samples_inside(level):
    samples = np.arange(1001.0)
    interval = interval_of(500, samples, level=level)
    assert ((samples >= interval.low) & (samples <= interval.high)).mean() == pytest.approx(level, abs=2e-3)
