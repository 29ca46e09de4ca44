"""The preprocessing that is customary for an input of which nothing else is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from onnxcam.metadata import Preprocessing

if TYPE_CHECKING:
    from onnxcam.metadata import ImageInput

Size = int | tuple[int, int] | None

# ImageNet's classifiers see 224 of 256 pixels.
_SEEN = 0.875


def customary(image: ImageInput) -> Preprocessing:
    """The customary values; they make sense for one channel and for three."""
    resize, crop = customary_sizes(image)
    order: Literal["RGB", "L"] = "L" if image.channels == 1 else "RGB"
    if image.channels == 3 and not takes_integers(image):
        return Preprocessing(resize, crop, assumed=True)
    mean, std = (0.0,) * image.channels, (1.0,) * image.channels
    scale = 1.0 if takes_integers(image) else 1 / 255
    return Preprocessing(resize, crop, scale=scale, mean=mean, std=std, channel_order=order, assumed=True)


def customary_sizes(image: ImageInput) -> tuple[Size, Size]:
    """Resize and crop: a square of colours is cut out of the middle, anything else is stretched."""
    if image.height == image.width and image.channels == 3:
        return round(image.height / _SEEN), image.height
    return (image.height, image.width), None


def assumed_note(image: ImageInput) -> str:
    """What the report says where the customary values were taken."""
    if not image.is_picture:
        return f"the model takes a {image.kind}, so it takes tensors and no images"
    if image.channels not in {1, 3}:
        return f"the model has {image.channels} channels, so it takes tensors and no images"
    if takes_integers(image):
        values = "pixels are given as they are, from 0 to 255"
    elif image.channels == 1:
        values = "an image becomes grey, its pixels from 0 to 1"
    else:
        values = "the customary ImageNet values were written"
    return f"no preprocessing was given, so {values}"


def takes_images(image: ImageInput) -> bool:
    """Whether images are what such an input customarily takes."""
    return image.is_picture and image.channels in {1, 3}


def takes_integers(image: ImageInput) -> bool:
    """Whether the model scales its pixels itself."""
    return bool(np.issubdtype(image.dtype, np.integer))
