"""Arrays as a table stores them: float16 bytes over the largest magnitude."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnxcam.cam import Floats


def packed(array: Floats) -> tuple[bytes, float]:
    """An array over its largest magnitude, and that magnitude.

    Gradients may be far below the smallest float16, or above the largest, so that they are scaled first.

    Args:
        array: Any shape.

    Returns:
        Little-endian float16 in [-1, 1], in C order; and the magnitude, which is 0 of an array of zeros.
    """
    peak = float(np.abs(array).max())
    scaled = array / peak if peak > 0 else array
    return scaled.astype("<f2").tobytes(), peak


def loudest_channel(pixels: Floats, channel_axis: int | None) -> Floats:
    """At each pixel the value of the channel with the largest magnitude.

    Args:
        pixels: [M, *input shape].
        channel_axis: The axis of the channels, or None if there is none.

    Returns:
        [M, H, W].
    """
    if channel_axis is None:
        return pixels
    highest, lowest = pixels.max(axis=channel_axis), pixels.min(axis=channel_axis)
    loudest: Floats = np.where(highest >= -lowest, highest, lowest)
    return loudest
