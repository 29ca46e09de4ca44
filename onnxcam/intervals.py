"""Bootstrap intervals of means over images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnxcam.cam import Floats

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its interval.

    Attributes:
        mean: Of the images.
        low: The lower end.
        high: The upper end.
    """

    mean: float
    low: float
    high: float


def resampled_means(values: Floats, *, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """The means of bootstrap samples: as many images as there are, drawn with replacement.

    The same seed draws the same images, so that the difference of two metrics' means is that of paired samples.

    Args:
        values: [n, k]: k numbers of each of n images.
        resamples: R.
        seed: Of the draws.

    Returns:
        [R, k].
    """
    count = len(values)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    means: Floats = drawn @ np.asarray(values, np.float64) / count
    return means


def interval_of(mean: float, samples: Floats, *, level: float = LEVEL) -> Interval:
    """The percentile interval (Bradley Efron 1979, https://doi.org/10.1214/aos/1176344552).

    Args:
        mean: The mean of the images themselves.
        samples: The same statistic of each bootstrap sample, [R].
        level: The share of the samples that lie in the interval.
    """
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high))


def mean_interval(values: Floats) -> Interval:
    """The mean of one number of each image, with its interval.

    Args:
        values: [n].
    """
    return interval_of(float(values.mean()), resampled_means(values[:, None])[:, 0])
