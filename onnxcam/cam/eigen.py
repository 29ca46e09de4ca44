"""EigenCAM and EigenGradCAM: the strongest pattern in all channels.

A singular vector has no sign of its own. Here the sign is the one with which the map correlates with the sum over all
channels: where the channels together are high, the map is high. If they do not correlate, up to rounding, the value of
the largest magnitude is positive.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxcam.cam.arrays import at_least_float32, wide, without_negative

if TYPE_CHECKING:
    from onnxcam.cam.arrays import Floats

# Correlations below it are rounding. The decomposition is in float64, of values in float32.
_NO_CORRELATION = 1e-6


def eigen_cam(activations: Floats, *, relu: bool = True) -> Floats:
    """M = ReLU(A v): A, centred in each channel, on its first right singular vector (Muhammad and Yeasin 2020).

    https://arxiv.org/abs/2008.00299; centred as in pytorch-grad-cam. No class enters it.

    Args:
        activations: A, [N, K, *places].
        relu: Whether to set negative values to zero.

    Returns:
        The maps at the layer's own size, [N, *places].
    """
    return without_negative(first_component(activations), relu)


def eigen_grad_cam(activations: Floats, gradients: Floats, *, relu: bool = True) -> Floats:
    """M^c = ReLU((G A) v): as ``eigen_cam``, of the products of G = dy/dA and A (pytorch-grad-cam's EigenGradCAM).

    Args:
        activations: A, [N, K, *places] with N = M or N = 1.
        gradients: dy/dA, [M, K, *places].
        relu: Whether to set negative values to zero.

    Returns:
        The maps at the layer's own size, [M, *places].
    """
    return without_negative(first_component(wide(gradients) * activations), relu)


def first_component(values: Floats) -> Floats:
    """Projects the K channels on their first principal component, with the sign that this module's docstring states.

    Args:
        values: [M, K, *places].

    Returns:
        [M, *places]; zeros if every channel is constant.
    """
    rows, channels, *places = values.shape
    centred = values.reshape(rows, channels, math.prod(places)).astype(np.float64)
    centred -= centred.mean(axis=2, keepdims=True)
    u, s, _ = np.linalg.svd(centred.swapaxes(1, 2), full_matrices=False)
    maps = u[:, :, 0] * s[:, :1]
    signed: Floats = (maps * _signs(maps, centred.sum(axis=1))[:, None]).reshape(rows, *places)
    return signed.astype(at_least_float32(values))


def _signs(maps: Floats, totals: Floats) -> Floats:
    """1 or -1 for each row; ``totals`` are the sums over the channels, [M, places]."""
    products = (maps * totals).sum(axis=1)
    sizes = np.linalg.norm(maps, axis=1) * np.linalg.norm(totals, axis=1)
    largest = np.take_along_axis(maps, np.abs(maps).argmax(axis=1)[:, None], axis=1)[:, 0]
    signs: Floats = np.where(np.where(np.abs(products) > _NO_CORRELATION * sizes, products, largest) < 0, -1.0, 1.0)
    return signs
