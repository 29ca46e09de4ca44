import numpy as np
import pytest
from PIL import Image

from onnxcam.render.boxes import Outline, with_boxes


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 400, 3), np.uint8))


def test_without_boxes_it_is_the_image():
    image = picture()
    assert with_boxes(image, []) is image


def test_a_box_is_outlined_and_its_inside_and_outside_stay():
    image = picture()
    drawn = np.asarray(with_boxes(image, [Outline((100, 50, 300, 150), "dog 93%", is_explained=True)]))
    before = np.asarray(image)
    assert (drawn[50, 150:290] == 255).all()  # the upper side
    assert (drawn[60:140, 100] == 255).all()  # the left one
    assert (drawn[49, 150:290] == 28).all()  # on its outside
    np.testing.assert_array_equal(drawn[80:145, 110:290], before[80:145, 110:290])
    np.testing.assert_array_equal(drawn[:45], before[:45])
    np.testing.assert_array_equal(drawn[:, :95], before[:, :95])


def test_the_explained_box_lies_on_top():
    same = (100, 50, 300, 150)
    boxes = [Outline(same, "a", is_explained=True), Outline(same, "b", is_explained=False)]
    assert (np.asarray(with_boxes(picture(), boxes))[50, 150:290] == 255).all()


@pytest.mark.parametrize("corners", [(-50, 20, 900, 900), (7, 7, 7, 7), (300, 9, 8, 3), (-1e30, 5, 1e30, 1e38)])
def test_boxes_beyond_the_image_and_without_a_size(corners):
    image = picture()
    drawn = with_boxes(image, [Outline(corners, "x" * 1000, is_explained=False)])
    assert drawn.size == image.size
    assert not np.array_equal(drawn, image)
