"""Deletion and insertion: the class's probability while pixels go or come, the most salient first.

Vitali Petsiuk et al. 2018, RISE, https://arxiv.org/abs/1806.07421. Deletion starts from the image and ends at its
substitute; insertion starts from a substitute and ends at the image. What the substitute is, and in how many steps, is
the convention's: numbers of two conventions cannot be compared.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnxcam.cam import Floats


def removal_order(saliency: Floats) -> npt.NDArray[np.intp]:
    """The places of a map, the most salient first; equal ones in the order of reading, from the top left.

    Args:
        saliency: [H, W].

    Returns:
        [H W], indices of the flattened map.
    """
    order: npt.NDArray[np.intp] = np.argsort(-saliency.ravel(), kind="stable")
    return order


def step_counts(places: int, steps: int) -> list[int]:
    """The number of pixels that are exchanged after each of the steps, from 0 to all: floor(i places / steps).

    Args:
        places: H W.
        steps: The number of steps; RISE's evaluation at 224 x 224 has 28 of 1792 pixels.

    Returns:
        steps + 1 numbers.
    """
    return [step * places // steps for step in range(steps + 1)]


def exchanged(start: Floats, finish: Floats, order: npt.NDArray[np.intp], counts: Sequence[int]) -> Iterator[Floats]:
    """One image, with ever more of its pixels taken from another.

    Args:
        start: [C, H, W].
        finish: [C, H, W].
        order: The order of the places, from ``removal_order``.
        counts: How many pixels are of ``finish``, ascending, from ``step_counts``.

    Yields:
        [C, H, W] for each of the counts.
    """
    channels = len(start)
    source = finish.reshape(channels, -1)
    mixed = start.reshape(channels, -1).copy()
    for before, count in itertools.pairwise([0, *counts]):
        places = order[before:count]
        mixed[:, places] = source[:, places]
        yield mixed.reshape(start.shape).copy()


def area_under_curve(scores: Floats) -> float:
    """``(s_0/2 + s_1 + … + s_n/2) / n``: the trapezoid rule over the share of pixels, as RISE and OpenVINO-XAI have it.

    Args:
        scores: The n + 1 probabilities of a curve.
    """
    values = np.asarray(scores, np.float64)
    return float((values.sum() - (values[0] + values[-1]) / 2) / (len(values) - 1))
