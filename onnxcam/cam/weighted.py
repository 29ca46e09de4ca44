"""CAM, Grad-CAM and their kin: one weight for each channel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxcam.cam.arrays import at_least_float32, axes_of_places, wide, without_negative

if TYPE_CHECKING:
    from onnxcam.cam.arrays import Floats


def grad_cam_weights(gradients: Floats) -> Floats:
    """a_k^c = 1/Z sum_ij dy^c/dA^k_ij: the gradient of the score at channel k, averaged over the map.

    Args:
        gradients: dy/dA, [M, K, *places].

    Returns:
        The weights, [M, K].
    """
    weights: Floats = gradients.mean(axis=axes_of_places(gradients), dtype=at_least_float32(gradients))
    return weights


def cam_weights(gradients: Floats) -> Floats:
    """w_k^c = sum_ij dy^c/dA^k_ij: the weights of the linear layer after global average pooling.

    If only global average pooling and a linear layer follow, y^c = b^c + sum_k w_k^c 1/Z sum_ij A^k_ij. So
    dy^c/dA^k_ij = w_k^c / Z at each of the Z positions, and their sum is exactly w_k^c. One need not know where in the
    graph the weights are, or whether the exporter transposed them.

    Args:
        gradients: dy/dA at the layer before the pooling, [M, K, *places].

    Returns:
        The weights, [M, K].
    """
    weights: Floats = gradients.sum(axis=axes_of_places(gradients), dtype=at_least_float32(gradients))
    return weights


def weighted_sum(weights: Floats, activations: Floats) -> Floats:
    """sum_k w_k A^k.

    Args:
        weights: [M, K].
        activations: A, [N, K, *places] with N = M or N = 1.

    Returns:
        The maps, [M, *places].
    """
    rows, channels, *places = activations.shape
    flat = activations.reshape(rows, channels, math.prod(places)).astype(weights.dtype, copy=False)
    maps: Floats = np.matmul(weights[:, None, :], flat)
    return maps.reshape(len(weights), *places)


def grad_cam(activations: Floats, gradients: Floats, *, relu: bool = True) -> Floats:
    """M^c = ReLU(sum_k a_k^c A^k) (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391).

    Args:
        activations: A, [N, K, *places].
        gradients: dy/dA, [M, K, *places], the true gradient.
        relu: Whether to keep only evidence for the class, and set negative values to zero.

    Returns:
        The maps at the layer's own size, [M, *places].
    """
    maps = weighted_sum(grad_cam_weights(gradients), activations)
    return without_negative(maps, relu)


def cam(activations: Floats, gradients: Floats, *, relu: bool = False) -> Floats:
    """M^c = sum_k w_k^c A^k (Zhou et al. 2016, https://arxiv.org/abs/1512.04150).

    Only for the layer before global average pooling and a linear layer; see ``cam_weights``.

    Args:
        activations: A, [N, K, *places].
        gradients: dy/dA, [M, K, *places].
        relu: Whether to set negative values to zero, which the paper does not.

    Returns:
        The maps at the layer's own size, [M, *places].
    """
    return without_negative(weighted_sum(cam_weights(gradients), activations), relu)


def grad_cam_plus_plus_weights(activations: Floats, gradients: Floats) -> Floats:
    """w_k = sum_ij alpha_k,ij ReLU(G_k,ij), with alpha = G² / (2 G² + G³ sum_ab A_k,ab), and G = dy/dA.

    Only positive G count. For them, alpha G is G / (2 + G sum_ab A_k,ab), which also holds where G² is too small for
    the type. Where this denominator is zero, alpha is taken as zero.

    Args:
        activations: A, [N, K, *places] with N = M or N = 1.
        gradients: dy/dA, [M, K, *places].

    Returns:
        The weights, [M, K].
    """
    positive = np.maximum(wide(gradients), 0)
    total = wide(activations).sum(axis=axes_of_places(activations), keepdims=True)
    denominator = 2 + positive * total
    terms = np.divide(positive, denominator, out=np.zeros_like(denominator), where=denominator != 0)
    weights: Floats = terms.sum(axis=axes_of_places(terms))
    return weights


def grad_cam_plus_plus(activations: Floats, gradients: Floats, *, relu: bool = True) -> Floats:
    """M^c = ReLU(sum_k w_k A^k) (Chattopadhay et al. 2018, equation 19, https://arxiv.org/abs/1710.11063).

    Args:
        activations: A, [N, K, *places] with N = M or N = 1.
        gradients: dy/dA, [M, K, *places].
        relu: Whether to set negative values to zero.

    Returns:
        The maps at the layer's own size, [M, *places].
    """
    weights = grad_cam_plus_plus_weights(activations, gradients)
    return without_negative(weighted_sum(weights, activations), relu)


def xgrad_cam_weights(activations: Floats, gradients: Floats) -> Floats:
    """w_k = sum_ij G_k,ij A_k,ij / sum_ij A_k,ij, with G = dy/dA.

    Where the activations of a channel sum to zero, up to rounding, its weight is zero: the quotient would be noise of
    any size. This happens where no ReLU comes before the layer, and in channels that are zero.

    Args:
        activations: A, [N, K, *places] with N = M or N = 1.
        gradients: dy/dA, [M, K, *places].

    Returns:
        The weights, [M, K].
    """
    values, axes = wide(activations), axes_of_places(activations)
    products: Floats = (wide(gradients) * values).sum(axis=axes)
    total = np.broadcast_to(values.sum(axis=axes), products.shape)
    rounding = np.finfo(values.dtype).eps * np.abs(values).sum(axis=axes)
    weights: Floats = np.divide(products, total, out=np.zeros_like(products), where=np.abs(total) > rounding)
    return weights


def xgrad_cam(activations: Floats, gradients: Floats, *, relu: bool = True) -> Floats:
    """M^c = ReLU(sum_k w_k A^k) (Fu et al. 2020, https://arxiv.org/abs/2008.02312).

    Args:
        activations: A, [N, K, *places] with N = M or N = 1.
        gradients: dy/dA, [M, K, *places].
        relu: Whether to set negative values to zero.

    Returns:
        The maps at the layer's own size, [M, *places].
    """
    return without_negative(weighted_sum(xgrad_cam_weights(activations, gradients), activations), relu)
