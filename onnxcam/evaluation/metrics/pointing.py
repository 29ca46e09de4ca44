"""The pointing game and energy-based pointing: whether a map lies on the object. They need boxes or masks.

A centre prior does well in both where photographers centre their objects: compare with the centre Gaussian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnxcam.cam import Floats


def pointing_game(saliency: Floats, region: npt.NDArray[np.bool_], *, tolerance: float = 0) -> float:
    """1 if a maximum of the map lies in the region or nearer to it than the tolerance, else 0.

    Jianming Zhang et al. 2016, https://arxiv.org/abs/1608.00507. If several places share the maximum, one on the object
    is enough, as in Quantus and OpenVINO-XAI; so a constant map always hits.

    Args:
        saliency: [H, W].
        region: Where the object is, [H, W].
        tolerance: In pixels of the map; 0 is none, and the original benchmark had 15 in those of the photograph.
    """
    rows, columns = np.nonzero(saliency == saliency.max())
    if region[rows, columns].any():
        return 1.0
    if tolerance <= 0 or not region.any():
        return 0.0
    down, across = np.nonzero(region)
    squares = ((down - row) ** 2 + (across - column) ** 2 for row, column in zip(rows, columns, strict=True))
    return float(any(square.min() < tolerance**2 for square in squares))


def energy_in_region(saliency: Floats, region: npt.NDArray[np.bool_]) -> float:
    """``sum of the map in the region / sum of the map``: the share of a map's energy that lies on the object.

    Haofan Wang et al. 2020, Score-CAM, https://arxiv.org/abs/1910.01279, section 4.3; Quantus' relevance mass accuracy.

    Args:
        saliency: [H, W], not negative.
        region: Where the object is, [H, W].

    Returns:
        0 to 1; 0 of a map of zeros.
    """
    total = float(saliency.sum(dtype=np.float64))
    return float(saliency[region].sum(dtype=np.float64)) / total if total > 0 else 0.0
