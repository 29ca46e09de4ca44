"""Draws the outline of a region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from onnxcam.render.panels import fit_into

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.photograph.geometry import Box

# The outline is white on its inner side and dark on its outer side, so that it shows on any photograph.
_WHITE, _DARK = (255, 255, 255), (28, 28, 28)
_THICK = 1 / 400


def with_region(image: Image.Image, mask: Floats | None, box: Box) -> Image.Image:
    """Draws the outline of a region on an image.

    Args:
        image: RGB.
        mask: [h, w], of which the places that are not zero are the region; None draws nothing.
        box: The mask's position on the image, (left, top, right, bottom). It may extend beyond the image.

    Returns:
        A new image, or the image itself without a mask.
    """
    if mask is None:
        return image
    inside, target = fit_into(Image.fromarray(np.where(mask != 0, np.uint8(255), np.uint8(0))), box, image.size)
    inside = inside.point(lambda level: 255 * (level > 127))
    width = 2 * max(1, round(max(image.size) * _THICK)) + 1
    drawn = image.copy()
    drawn.paste(_DARK, target, ImageChops.subtract(inside.filter(ImageFilter.MaxFilter(width)), inside))
    drawn.paste(_WHITE, target, ImageChops.subtract(inside, inside.filter(ImageFilter.MinFilter(width))))
    return drawn
