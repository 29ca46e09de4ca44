"""The outline of a region on an image."""

import numpy as np
from PIL import Image

from onnxcam.render.regions import with_region

GREY, WHITE, DARK = (128, 128, 128), (255, 255, 255), (28, 28, 28)


def drawn(mask, box):
    image = Image.new("RGB", (40, 40), GREY)
    return np.asarray(with_region(image, np.asarray(mask, np.float32), box))


def test_the_outline_is_white_inside_and_dark_outside():
    mask = np.zeros((4, 4))
    mask[1:3, 1:3] = 0.5  # weights count as inside
    row = drawn(mask, (0, 0, 40, 40))[20]
    (white,) = np.nonzero((row == WHITE).all(axis=1))
    (dark,) = np.nonzero((row == DARK).all(axis=1))
    assert sorted([*white, *dark]) == [9, 10, 29, 30]  # a pixel on each side of the edges at 10 and 30
    assert list(white) == [10, 29]


def test_the_mask_lies_where_the_model_saw_it():
    """A mask of a letterbox: its left half is beyond the image."""
    mask = np.zeros((2, 4))
    mask[:, 2:3] = 1
    image = drawn(mask, (-40, 0, 40, 40))
    assert (image[20, 19] == WHITE).all()
    assert (image[20, 20] == DARK).all()
    assert (image[20, 30:] == GREY).all()


def test_without_a_region_the_image_stays():
    image = Image.new("RGB", (8, 8))
    assert with_region(image, None, (0, 0, 8, 8)) is image
