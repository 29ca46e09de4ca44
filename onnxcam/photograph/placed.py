"""An image together with the position of the model's crop in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from onnxcam.photograph.geometry import Box, Geometry


@dataclass(frozen=True, slots=True)
class PlacedPhotograph:
    """An image that was explained.

    Attributes:
        photograph: The image, upright and in RGB.
        geometry: How it was resized and cropped.
    """

    photograph: Image.Image
    geometry: Geometry

    @property
    def box(self) -> Box:
        """The part that the model saw, (left, top, right, bottom) in the image's pixels."""
        return self.geometry.box_on(self.photograph.size)
