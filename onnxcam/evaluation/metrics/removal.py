"""ROAD: the class's probability when the most relevant pixels, or the least, are removed and filled in.

Yao Rong et al. 2022, https://arxiv.org/abs/2202.00449. Unlike deletion it leaves no edges of its own, since what is
removed is filled by ``noisy_linear_imputation``. It rewards blurry maps (https://arxiv.org/abs/2304.13836).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnxcam.cam import Floats


def kept_least_relevant(saliency: Floats, percentile: float) -> npt.NDArray[np.bool_]:
    """The places that stay when the most relevant are removed (MoRF): those below a percentile of the map.

    As in pytorch-grad-cam, all places of a value go together: of a map with many zeros, or a constant one, more are
    removed than 100 - percentile per cent.

    Args:
        saliency: [H, W].
        percentile: 0 to 100; at 80 a fifth of the places are removed.

    Returns:
        [H, W].
    """
    kept: npt.NDArray[np.bool_] = saliency < np.percentile(saliency, percentile)
    return kept


def kept_most_relevant(saliency: Floats, percentile: float) -> npt.NDArray[np.bool_]:
    """The places that stay when the least relevant are removed (LeRF): as above, of ``1 - map``.

    Args:
        saliency: [H, W].
        percentile: As above.

    Returns:
        [H, W].
    """
    return kept_least_relevant(1 - saliency, percentile)


def road(least_relevant_removed: npt.ArrayLike, most_relevant_removed: npt.ArrayLike) -> float:
    """``(mean LeRF - mean MoRF) / 2`` over the percentiles: pytorch-grad-cam's ROADCombined; more is better.

    Args:
        least_relevant_removed: The probabilities at each percentile without the least relevant pixels.
        most_relevant_removed: Those without the most relevant pixels.

    Returns:
        -1/2 to 1/2.
    """
    lerf, morf = np.asarray(least_relevant_removed, np.float64), np.asarray(most_relevant_removed, np.float64)
    return float(lerf.mean() - morf.mean()) / 2
