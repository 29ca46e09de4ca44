"""From an explanation's arrays to values that can be drawn: scaled, finite, and in grey or RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxcam import cam

if TYPE_CHECKING:
    from onnxcam.cam import Floats

_GREY_OR_RGB = {1, 3}


def map_to_draw(values: Floats) -> Floats:
    """Scales a map to [0, 1].

    Args:
        values: [h, w], of any range. NaN and infinity count as the lowest of the other values.

    Returns:
        [h, w]; zeros of a constant map.
    """
    finite = np.isfinite(values)
    lowest = values.min(where=finite, initial=np.inf) if finite.any() else 0
    # In float64 no difference of two float32 overflows.
    scaled: Floats = cam.normalise(np.where(finite, values, lowest).astype(np.float64)[None])[0]
    return scaled


def image_to_draw(values: Floats) -> Floats:
    """Makes a signed image visible: 0.5 is nothing, see ``onnxcam.cam.standardise``.

    Args:
        values: [H, W, C], of any range. NaN and infinity count as zero.

    Returns:
        [H, W, 1] or [H, W, 3] in [0, 1]. Of neither one channel nor three, the root of the mean square over the
        channels is drawn, from 0.5 upwards: a plain mean would hide channels that pull in opposite directions.
    """
    finite = np.isfinite(values)
    known = np.where(finite, values, 0)
    largest = np.abs(known).max(initial=0)
    # First to [-1, 1]: the squares of very small or very large gradients leave float32's range.
    unit = (known / largest if largest > 0 else known).astype(np.float32)
    visible: Floats = cam.standardise(unit[None])[0]
    if visible.shape[-1] in _GREY_OR_RGB:
        return visible
    strength: Floats = 0.5 + np.sqrt(np.mean((visible - 0.5) ** 2, axis=-1, keepdims=True))
    return strength
