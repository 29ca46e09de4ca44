"""Guided Grad-CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxcam.cam.resampling import upsample

if TYPE_CHECKING:
    from onnxcam.cam.arrays import Floats
    from onnxcam.cam.resampling import Upsampling
    from onnxcam.metadata_parts import Layout


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
