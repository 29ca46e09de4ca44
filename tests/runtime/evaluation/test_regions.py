import numpy as np
import pytest
from PIL import Image

from onnxcam.errors import EvaluationError, PictureError
from onnxcam.evaluation.regions import find_mask, read_boxes, region_of_boxes, region_of_mask
from onnxcam.photograph.geometry import Geometry

# 40 by 20 pixels, resized to 20 by 10, of which the middle 10 by 10 are seen.
PLACED = Geometry((40, 20), (20, 10), (5, 0, 15, 10))


def test_boxes_are_placed_on_the_models_input():
    region = region_of_boxes((40, 20), PLACED, boxes=[(12, 4, 20, 10), (26, 0, 40, 2)])
    assert np.argwhere(region[2:5, 1:5]).size == 2 * 12
    assert region.sum() == 12 + 2
    assert region[0, 8:10].all()


def test_a_box_beyond_the_crop_is_nowhere():
    assert not region_of_boxes((40, 20), PLACED, boxes=[(0, 0, 9, 20)]).any()


def test_a_mask_and_a_box_of_the_same_pixels_are_the_same(tmp_path):
    grey = np.zeros((20, 40), np.uint8)
    grey[4:10, 12:20] = 255
    Image.fromarray(grey).save(tmp_path / "mask.png")
    mask = region_of_mask((40, 20), PLACED, path=tmp_path / "mask.png")
    assert (mask == region_of_boxes((40, 20), PLACED, boxes=[(12, 4, 20, 10)])).all()
    with pytest.raises(PictureError, match=r"is 40 by 20 pixels; make it 41 by 20 as the image"):
        region_of_mask((41, 20), PLACED, path=tmp_path / "mask.png")


def test_masks_are_found_by_the_images_name(tmp_path):
    for name in ("dog.jpg", "dog.png", "cat.gif"):
        (tmp_path / name).touch()
    assert find_mask(tmp_path, tmp_path / "x" / "dog.jpeg") == tmp_path / "dog.png"
    assert find_mask(tmp_path, tmp_path / "cat.png") == tmp_path / "cat.gif"
    assert find_mask(tmp_path, tmp_path / "cow.png") is None


def test_boxes_are_read_with_or_without_a_label(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text('{"a.jpg": {"boxes": [[1, 2, 3, 4.5]], "label": "boxer"}, "b.jpg": {"boxes": []}}')
    found = read_boxes(path)
    assert (found["a.jpg"].boxes, found["a.jpg"].label) == (((1, 2, 3, 4.5),), "boxer")
    assert (found["b.jpg"].boxes, found["b.jpg"].label) == ((), None)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"a.jpg": [[1, 2, 3, 4]]}', '{"a.jpg": {"boxes": [[1, 2, 3]]}}', '{"a": {"boxes": [[1, 2, 3, "x"]]}}'],
)
def test_other_json_is_one_sentence(tmp_path, text):
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(EvaluationError, match="are not as they should be"):
        read_boxes(path)
    with pytest.raises(EvaluationError, match="cannot read the boxes"):
        read_boxes(tmp_path / "none.json")
