"""HiResCAM and LayerCAM: a weight for each place of each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxcam.cam.arrays import wide, without_negative

if TYPE_CHECKING:
    from onnxcam.cam.arrays import Floats


def hires_cam(activations: Floats, gradients: Floats, *, relu: bool = True) -> Floats:
    """M^c = ReLU(sum_k G_k A^k), place by place, with G = dy/dA (Draelos and Carin 2020, arXiv 2011.08891).

    Args:
        activations: A, [N, K, *places] with N = M or N = 1.
        gradients: dy/dA, [M, K, *places].
        relu: Whether to set negative values to zero.

    Returns:
        The maps at the layer's own size, [M, *places].
    """
    maps: Floats = (wide(gradients) * activations).sum(axis=1)
    return without_negative(maps, relu)


def layer_cam(activations: Floats, gradients: Floats, *, relu: bool = True) -> Floats:
    """M^c = ReLU(sum_k ReLU(G_k) A^k), place by place, with G = dy/dA (Jiang et al. 2021).

    Peng-Tao Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, IEEE Transactions on
    Image Processing 30, https://doi.org/10.1109/TIP.2021.3089943.

    Args:
        activations: A, [N, K, *places] with N = M or N = 1.
        gradients: dy/dA, [M, K, *places].
        relu: Whether to set negative values to zero.

    Returns:
        The maps at the layer's own size, [M, *places].
    """
    return hires_cam(activations, np.maximum(gradients, 0), relu=relu)
