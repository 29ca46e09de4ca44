"""The finished maps in the graph, for callers without this project's runtime: Grad-CAM and Guided Grad-CAM.

They are the formulas of ``onnxcam.cam``, with which they agree up to rounding.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxcam.cam import linear_interpolation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from onnxcam.metadata import ImageInput
    from onnxcam_export.graph.builder import Builder


def grad_cam(op: Builder, activations: ir.Value, gradients: ir.Value, shape: Sequence[int]) -> ir.Value:
    """``ReLU(sum_k a_k A^k)`` with ``a_k = 1/Z sum_ij dy/dA^k_ij`` (Selvaraju et al. 2017).

    Args:
        op: The builder of the nodes.
        activations: A, [N, K, *places].
        gradients: dy/dA, [M, K, *places].
        shape: (K, *places).

    Returns:
        [M, *places].
    """
    channels, *places = shape
    weights = op.ReduceMean(op.Reshape(gradients, [-1, channels, math.prod(places)]), [2], keepdims=0)  # [M, K]
    rows = op.Reshape(weights, [-1, 1, channels])
    maps = op.MatMul(rows, op.Reshape(activations, [-1, channels, math.prod(places)]))  # [M, 1, Z]
    return op.Relu(op.Reshape(maps, [-1, *places]))


def guided_grad_cam(
    op: Builder, guided: ir.Value, maps: ir.Value, places: Sequence[int], image: ImageInput
) -> ir.Value:
    """Guided backpropagation times the Grad-CAM map, upsampled with half-pixel centres (bilinearly, of an image).

    Args:
        op: The builder of the nodes.
        guided: [M, *input shape].
        maps: [M, *places].
        places: The places of the maps.
        image: The layout of the input.

    Returns:
        [M, *input shape].
    """
    large = upsampled(op, maps, places, image.places)
    axis = image.channel_axis
    return op.Mul(guided, large if axis is None else op.Unsqueeze(large, [axis]))


def upsampled(op: Builder, maps: ir.Value, places: Sequence[int], size: Sequence[int]) -> ir.Value:
    """Maps resampled to another size as ``onnxcam.cam.upsample`` does: a product with a small matrix for each axis.

    Args:
        op: The builder of the nodes.
        maps: [M, *places].
        places: Their places.
        size: The new places.

    Returns:
        [M, *size].
    """
    shape, large = list(places), maps
    for axis, length in enumerate(size):
        matrix = linear_interpolation(shape[axis], length).astype(np.float32)
        after = math.prod(shape[axis + 1 :])
        if axis < len(shape) - 1:
            large = op.MatMul(matrix, op.Reshape(large, [-1, shape[axis], after]))
        else:
            large = op.MatMul(op.Reshape(large, [-1, shape[axis]]), matrix.T.copy())
        shape[axis] = length
    return op.Reshape(large, [-1, *shape])
