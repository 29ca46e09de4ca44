"""The colour map.

It is matplotlib's plasma (by Nathaniel Smith and Stéfan van der Walt, released under CC0): perceptually uniform, rising
in lightness all the way, so it survives greyscale printing and colour-blind eyes. Unlike inferno and magma it has no
black, which on a dark photograph could not be told from the photograph.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Ten evenly spaced samples. The map is smooth: straight lines between them stay within 6/255 of it, on average 1/255.
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
    """Colours of values in [0, 1].

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
