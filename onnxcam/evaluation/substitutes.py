"""The images that take the place of deleted pixels, and that insertion starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.evaluation.conventions import Substitute
    from onnxcam.metadata import Metadata

# Of RISE's blur.
_SIDE, _SIGMA = 11, 5.0


def substitute_of(image: Floats, kind: Substitute, metadata: Metadata) -> Floats:
    """A substitute for an image.

    Args:
        image: [C, H, W], preprocessed.
        kind: Which one.
        metadata: The model's metadata.

    Returns:
        [C, H, W].
    """
    if kind == "zero":
        return np.zeros_like(image)
    if kind == "black":
        return np.broadcast_to(black(metadata)[: len(image), None, None], image.shape).astype(image.dtype)
    return blurred(image)


def black(metadata: Metadata) -> Floats:
    """Black of the photograph after preprocessing, [C]; 0 where the model has no preprocessing."""
    steps = metadata.preprocessing
    if steps is None:
        return np.zeros(metadata.image.channels, np.float32)
    mean, std = np.array(steps.mean, np.float32), np.array(steps.std, np.float32)
    return np.negative(mean) / std


def blurred(image: Floats) -> Floats:
    """The image after RISE's blur: a kernel of 11 x 11, from scipy's Gaussian filter with sigma 5, beyond edges zero.

    Args:
        image: [C, H, W].

    Returns:
        [C, H, W].
    """
    kernel, reach = _kernel(), _SIDE // 2
    wide = np.pad(image.astype(np.float32), [(0, 0), (reach, reach), (reach, reach)])
    height, width = image.shape[1:]
    rows = sum(kernel[k] * wide[:, k : k + height] for k in range(_SIDE))
    both: Floats = sum(kernel[k] * rows[:, :, k : k + width] for k in range(_SIDE))
    return both.astype(image.dtype)


def _kernel() -> Floats:
    """scipy.ndimage's Gaussian filter, 4 sigma wide, of a one amid 11 places that are mirrored at both ends."""
    reach = int(4 * _SIGMA + 0.5)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / _SIGMA) ** 2)
    mirrored = (np.arange(_SIDE)[:, None] + offsets) % (2 * _SIDE)
    mirrored = np.minimum(mirrored, 2 * _SIDE - 1 - mirrored)
    kernel: Floats = ((mirrored == _SIDE // 2) * weights).sum(axis=1) / weights.sum()
    return kernel.astype(np.float32)
