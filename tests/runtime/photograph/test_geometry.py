import pytest

from onnxcam.metadata import Preprocessing
from onnxcam.photograph.geometry import Geometry, geometry


@pytest.mark.parametrize(
    ("photograph", "resized", "crop"),
    [
        # What torchvision's Resize(256) and CenterCrop(224) do.
        ((640, 480), (341, 256), (58, 16, 282, 240)),  # 341.33 is cut off, (341 - 224) / 2 = 58.5 goes to even
        ((480, 640), (256, 341), (16, 58, 240, 282)),
        ((256, 256), (256, 256), (16, 16, 240, 240)),
        ((300, 299), (256, 256), (16, 16, 240, 240)),
        ((1000, 10), (25600, 256), (12688, 16, 12912, 240)),
    ],
)
def test_shorter_side_and_centre_crop(photograph, resized, crop):
    placed = geometry(photograph, Preprocessing(resize=256, crop=224))
    assert (placed.resized, placed.crop) == (resized, crop)
    assert placed.size == (224, 224)


def test_an_exact_size_is_height_and_width():
    placed = geometry((640, 480), Preprocessing(resize=(30, 50), crop=(20, 40)))
    assert placed.resized == (50, 30)
    assert placed.crop == (5, 5, 45, 25)


def test_nothing_to_do():
    assert geometry((7, 5), Preprocessing(resize=None, crop=None)).crop == (0, 0, 7, 5)


def test_a_crop_larger_than_the_picture_reaches_beyond_it():
    placed = geometry((5, 8), Preprocessing(resize=None, crop=8))
    assert placed.crop == (-1, 0, 7, 8)  # three columns of padding: one left, two right, as in torchvision


def test_the_way_back_to_the_photograph():
    placed = geometry((640, 480), Preprocessing(resize=256, crop=224))
    left, top, right, bottom = placed.box_on((640, 480))
    assert (left, right) == pytest.approx((58 * 640 / 341, 282 * 640 / 341))
    assert (top, bottom) == pytest.approx((30, 450))
    half = placed.box_on((320, 240))
    assert half == pytest.approx((left / 2, top / 2, right / 2, bottom / 2))


def test_boxes_of_the_input_on_the_photograph():
    """60 by 40 pixels become 12 by 8, of which 8 by 8 are seen."""
    placed = geometry((60, 40), Preprocessing(resize=8, crop=8))
    assert placed.on_photograph((0, 0, 8, 8)) == (10, 0, 50, 40)
    assert placed.on_photograph((1, 2, 3, 4)) == (15, 10, 25, 20)
    assert placed.on_photograph((-9, -9, 99, 99)) == (0, 0, 60, 40)


@pytest.mark.parametrize(
    ("photograph", "resized", "crop"),
    [
        # What Ultralytics' LetterBox of 640 does: sizes are rounded, and an odd margin is smaller at its beginning.
        ((1280, 720), (640, 360), (0, -140, 640, 500)),
        ((720, 1280), (360, 640), (-140, 0, 500, 640)),
        ((810, 1080), (480, 640), (-80, 0, 560, 640)),
        ((1000, 667), (640, 427), (0, -106, 640, 534)),
        ((20, 10), (640, 320), (0, -160, 640, 480)),
        ((640, 640), (640, 640), (0, 0, 640, 640)),
        ((1000, 1), (640, 1), (0, -319, 640, 321)),
    ],
)
def test_a_letterbox_holds_the_whole_photograph(photograph, resized, crop):
    placed = geometry(photograph, Preprocessing(resize=None, crop=640, letterbox=114))
    assert (placed.resized, placed.crop) == (resized, crop)
    assert placed.size == (640, 640)


def test_boxes_of_a_letterbox_on_the_photograph():
    placed = geometry((1280, 720), Preprocessing(resize=None, crop=(640, 640), letterbox=114))
    assert placed.on_photograph((0, 140, 320, 500)) == (0, 0, 640, 720)


def test_the_centre_of_a_cell_on_the_photograph():
    """The crop is pixels 100 to 300 across and 0 to 200 down of a photograph twice the resized size."""
    placed = Geometry((400, 200), (200, 100), (50, 0, 150, 100))
    assert placed.centre_of((0, 0), (4, 2)) == (125, 50)
    assert placed.centre_of((1, 3), (4, 2)) == (275, 150)
