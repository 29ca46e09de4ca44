"""Scales maps and signed images for display."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnxcam.cam.arrays import Floats


def normalise(maps: Floats) -> Floats:
    """Scales each map to [0, 1], for display. A constant map gives zeros, never NaN.

    Args:
        maps: [M, *places].

    Returns:
        [M, *places].
    """
    axes = tuple(range(1, maps.ndim))
    low = maps.min(axis=axes, keepdims=True)
    extent = maps.max(axis=axes, keepdims=True) - low
    scaled: Floats = np.divide(maps - low, extent, out=np.zeros_like(maps), where=extent > 0)
    return scaled


def standardise(images: Floats) -> Floats:
    """Scales signed images for display: zero mean and unit variance each, times 0.1, plus 0.5, clipped to [0, 1].

    Args:
        images: [M, …], such as guided backpropagation, in either layout.

    Returns:
        The same shape. A constant image gives 0.5 everywhere.
    """
    axes = tuple(range(1, images.ndim))
    centred = images - images.mean(axis=axes, keepdims=True)
    deviation = centred.std(axis=axes, keepdims=True)
    scaled = centred / np.where(deviation > 0, deviation, 1).astype(centred.dtype)
    visible: Floats = np.clip(scaled * 0.1 + 0.5, 0, 1)
    return visible
