"""Scales an explanation's arrays for drawing: finite values in [0, 1], in grey or RGB."""

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
        values: [h, w], of any range. NaN and infinity become the lowest of the other values.

    Returns:
        [h, w]; zeros for a constant map.
    """
    finite = np.isfinite(values)
    lowest = values.min(where=finite, initial=np.inf) if finite.any() else 0
    # In float64 the difference of two float32 numbers cannot overflow.
    scaled: Floats = cam.normalise(np.where(finite, values, lowest).astype(np.float64)[None])[0]
    return scaled


def image_to_draw(values: Floats) -> Floats:
    """Scales a signed image, so that zero becomes 0.5; see ``onnxcam.cam.standardise``.

    Args:
        values: [H, W, C], of any range. NaN and infinity become zero.

    Returns:
        [H, W, 1] or [H, W, 3] in [0, 1]. If the image has neither one channel nor three, it is the root of the mean
        square over the channels, from 0.5 upwards: in a plain mean, channels of opposite signs would cancel.
    """
    finite = np.isfinite(values)
    known = values if finite.all() else np.where(finite, values, 0)
    largest = np.abs(known).max(initial=0)
    # First to [-1, 1]: the squares of very small or very large gradients are out of float32's range.
    unit = (known / largest if largest > 0 else known).astype(np.float32)
    visible: Floats = cam.standardise(unit[None])[0]
    if visible.shape[-1] in _GREY_OR_RGB:
        return visible
    strength: Floats = 0.5 + np.sqrt(np.mean((visible - 0.5) ** 2, axis=-1, keepdims=True))
    return strength
