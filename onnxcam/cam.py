"""CAM, Grad-CAM and Guided Grad-CAM as functions of plain arrays.

y^c is the score of class c before any softmax, and A^k is channel k of the chosen layer's output.

Arrays of activations have N rows, one for each image. Arrays of gradients have M rows, one for each explained class.
Either M = N, or N = 1 and every row explains the one image. The places of a map are [h, w] of an image, [L] of a
signal, and [d, h, w] of a volume.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.metadata_parts import Layout

Floats = npt.NDArray[np.floating]
Upsampling = Literal["bilinear", "nearest"]


def grad_cam_weights(gradients: Floats) -> Floats:
    """a_k^c = 1/Z sum_ij dy^c/dA^k_ij: the gradient of the score at channel k, averaged over the map.

    Args:
        gradients: dy/dA, [M, K, *places].

    Returns:
        The weights, [M, K].
    """
    weights: Floats = gradients.mean(axis=_places(gradients), dtype=_at_least_float32(gradients))
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
    weights: Floats = gradients.sum(axis=_places(gradients), dtype=_at_least_float32(gradients))
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
    return np.maximum(maps, 0) if relu else maps


def cam(activations: Floats, gradients: Floats) -> Floats:
    """M^c = sum_k w_k^c A^k (Zhou et al. 2016, https://arxiv.org/abs/1512.04150).

    Only for the layer before global average pooling and a linear layer; see ``cam_weights``.

    Args:
        activations: A, [N, K, *places].
        gradients: dy/dA, [M, K, *places].

    Returns:
        The maps at the layer's own size, [M, *places].
    """
    return weighted_sum(cam_weights(gradients), activations)


def guided_grad_cam(
    guided: Floats, maps: Floats, *, layout: Layout = "NCHW", interpolation: Upsampling = "bilinear"
) -> Floats:
    """Guided Grad-CAM: guided backpropagation times the upsampled Grad-CAM map.

    Nothing is normalised inside the product (Selvaraju et al. 2017, section 3.2).

    Args:
        guided: Guided backpropagation to the input, [M, C, H, W], [M, H, W, C], or a signal's or a volume's.
        maps: Grad-CAM after its ReLU, [M, *places].
        layout: A letter for each axis of ``guided``: N, C for the channels if they have an axis, and its places.
        interpolation: How the maps are upsampled to the input's size, see ``upsample``.

    Returns:
        The product, in the shape of ``guided``.
    """
    places = [size for size, letter in zip(guided.shape, layout, strict=True) if letter not in "NC"]
    large = upsample(maps, places, interpolation=interpolation)
    return guided * (np.expand_dims(large, layout.index("C")) if "C" in layout else large)


def upsample(maps: Floats, size: Sequence[int], *, interpolation: Upsampling = "bilinear") -> Floats:
    """Resamples maps to another size, as ``torch.nn.functional.interpolate`` does.

    Args:
        maps: [M, *places].
        size: The new size, such as (height, width).
        interpolation: ``bilinear``, with half-pixel centres (PyTorch's ``align_corners=False``), which is linear along
            each axis: linear for signals and trilinear for volumes; or ``nearest`` (PyTorch's and captum's default).

    Returns:
        [M, *size].

    Raises:
        ValueError: The interpolation is neither of the two, or the size has another number of axes than the maps.
    """
    if interpolation not in {"bilinear", "nearest"}:
        raise ValueError(f"interpolation is 'bilinear' or 'nearest', not {interpolation!r}")
    if len(size) != maps.ndim - 1:
        raise ValueError(f"maps of {maps.ndim - 1} axes cannot be resampled to {list(size)}")
    large = maps
    for axis, length in enumerate(size, 1):
        if interpolation == "nearest":
            large = np.take(large, _nearest(maps.shape[axis], length), axis=axis)
        else:  # it is separable: one small matrix for each axis
            large = _along(_linear(maps.shape[axis], length, maps.dtype), large, axis)
    return large


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
    scaled = np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0)
    visible: Floats = np.clip(scaled * 0.1 + 0.5, 0, 1)
    return visible


def _places(array: Floats) -> tuple[int, ...]:
    """The axes of the places."""
    return tuple(range(2, array.ndim))


def _at_least_float32(array: Floats) -> npt.DTypeLike:
    """The type to sum in: sums over a map overflow or lose digits in float16."""
    return np.result_type(array.dtype, np.float32)


def _nearest(source: int, target: int) -> npt.NDArray[np.intp]:
    """The source index of each target index: floor(i * source / target), in float32 as PyTorch computes it."""
    scale = np.float32(source) / np.float32(target)
    index: npt.NDArray[np.intp] = np.floor(np.arange(target, dtype=np.float32) * scale).astype(np.intp)
    return np.minimum(index, source - 1)


def _along(matrix: Floats, maps: Floats, axis: int) -> Floats:
    """The product of a matrix with maps along one of their axes."""
    before, (size, *after) = maps.shape[:axis], maps.shape[axis:]
    if not after:
        last: Floats = np.matmul(maps, matrix.T)
        return last
    product: Floats = np.matmul(matrix, maps.reshape(math.prod(before), size, math.prod(after)))
    return product.reshape(*before, len(matrix), *after)


def _linear(source: int, target: int, dtype: npt.DTypeLike) -> Floats:
    """The matrix [target, source] that interpolates linearly between half-pixel centres, clamped at the border."""
    position = np.maximum((np.arange(target) + 0.5) * source / target - 0.5, 0)
    lower = position.astype(np.intp)
    upper = np.minimum(lower + 1, source - 1)
    matrix = np.zeros((target, source))
    rows = np.arange(target)
    np.add.at(matrix, (rows, lower), 1 - (position - lower))
    np.add.at(matrix, (rows, upper), position - lower)
    return matrix.astype(dtype)
