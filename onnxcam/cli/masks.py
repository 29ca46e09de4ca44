"""Regions of the scores that the user gives as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from onnxcam.errors import PictureError
from onnxcam.photograph.geometry import geometry
from onnxcam.photograph.opening import open_picture
from onnxcam.photograph.preprocessing import required
from onnxcam.targets.of_scores import Region

if TYPE_CHECKING:
    from onnxcam.metadata import Metadata
    from onnxcam.photograph.opening import Picture

# From this grey level on, a pixel of a mask is white.
_WHITE = 128


@dataclass(frozen=True, slots=True)
class MaskedRegion:
    """The region of a class that is white in a picture, before it is placed on an image.

    Attributes:
        path: The picture's file.
        c: The class, by its label or index.
        picture: The picture.
    """

    path: Path
    c: str
    picture: Picture

    @classmethod
    def read(cls, path: str, c: str) -> MaskedRegion:
        """Opens the picture.

        Raises:
            PictureError: It is missing, or no image.
        """
        return cls(Path(path), c, open_picture(path))

    def on(self, image: Picture, metadata: Metadata) -> Region:
        """The region on an image: white where at least half of a place of the scores is.

        Args:
            image: The image that is explained.
            metadata: The model's metadata.

        Raises:
            PictureError: The mask has neither the image's size nor that of the scores, or is black where the model
                looks.
        """
        _, *places = metadata.shape_of_scores
        if len(places) != 2:
            raise PictureError(f"{self.path} cannot mark places of scores {list(metadata.shape_of_scores)}")
        size = (places[1], places[0])
        grey = self.picture.image.convert("L")
        if grey.size == image.size:
            placed = geometry(image.size, required(metadata))
            grey = grey.resize(placed.resized, Image.Resampling.BOX).crop(placed.crop)
            grey = grey.resize(size, Image.Resampling.BOX)
        if grey.size != size:
            raise PictureError(
                f"the mask {self.path} is {_by(grey.size)} pixels; make it {_by(image.size)} as the image, or "
                f"{_by(size)} as the scores"
            )
        mask = np.asarray(grey) >= _WHITE
        if not mask.any():
            raise PictureError(f"the mask {self.path} is nowhere white in the part of the image that the model sees")
        return Region(self.c, mask)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} by {size[1]}"
