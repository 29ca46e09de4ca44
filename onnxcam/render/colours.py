"""The colour map: matplotlib's plasma (by Nathaniel Smith and Stéfan van der Walt, released under CC0).

It is perceptually uniform and rises in lightness, so it works in greyscale prints and for colour-blind readers. Unlike
inferno and magma it has no black, which could not be seen on a dark photograph.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Ten evenly spaced samples. Linear interpolation between them is at most 6/255 off the map, and 1/255 on average.
PLASMA = np.array(
    [
        (13, 8, 135),
        (70, 3, 159),
        (114, 1, 168),
        (156, 23, 158),
        (189, 55, 134),
        (216, 87, 107),
        (237, 121, 83),
        (251, 159, 58),
        (253, 202, 38),
        (240, 249, 33),
    ],
    np.float32,
)


def colour(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Maps values in [0, 1] to colours.

    Args:
        values: [H, W].

    Returns:
        RGB from 0 to 255, [H, W, 3].
    """
    position = np.clip(values, 0, 1) * (len(PLASMA) - 1)
    lower = np.minimum(position.astype(np.intp), len(PLASMA) - 2)
    fraction = (position - lower)[..., None].astype(np.float32)
    mixed: npt.NDArray[np.float32] = PLASMA[lower] * (1 - fraction) + PLASMA[lower + 1] * fraction
    return mixed
