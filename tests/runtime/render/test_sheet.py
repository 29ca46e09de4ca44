import numpy as np
import pytest
from PIL import Image

from onnxcam.errors import MethodError, OutputError
from onnxcam.render.panels import overlay
from onnxcam.render.sheet import LONGEST_SIDE, Result, Row, draw_overlay, draw_sheet
from onnxcam.scores import ClassScore

CLASSES = [ClassScore(281, "tabby, tabby cat", 5.0, 0.9), ClassScore(282, "tiger cat", 2.0, 0.1)]


def row(size=(500, 400), box=None, results=(), label="tabby, tabby cat") -> Row:
    photograph = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8))
    return Row(ClassScore(281, label, 5.0, 0.9), CLASSES, photograph, box or (0, 0, *size), results)


def heat(values) -> Result:
    return Result("grad-cam", ["layer4"], np.asarray(values, np.float32))


def panel(sheet: Image.Image, number: int, size=(500, 400)) -> np.ndarray:
    """The pixels of one panel, found by the measures of a sheet at its natural size."""
    unit = max(size) / 640
    margin, line = round(28 * unit), round(30 * unit)
    left = margin + number * (size[0] + margin)
    top = margin + 2 * line
    return np.asarray(sheet)[top : top + size[1], left : left + size[0]]


def test_a_map_is_drawn_on_the_photograph():
    values = np.random.default_rng(0).normal(size=(7, 7))
    drawn = row(box=(50, 0, 450, 400), results=[heat(values)])
    sheet = draw_sheet([drawn])
    scaled = (values - values.min()) / np.ptp(values)
    np.testing.assert_array_equal(panel(sheet, 0), np.asarray(drawn.photograph))
    np.testing.assert_array_equal(panel(sheet, 1), np.asarray(overlay(drawn.photograph, scaled, drawn.box)))


@pytest.mark.parametrize("constant", [0, 7, np.nan, np.inf])
def test_a_map_without_evidence_leaves_the_photograph_bit_for_bit(constant):
    drawn = row(results=[heat(np.full((7, 7), constant))])
    np.testing.assert_array_equal(panel(draw_sheet([drawn]), 1), np.asarray(drawn.photograph))


def test_the_frame_is_explained_where_there_is_one():
    whole, part = (draw_sheet([row(box=box, results=[heat(np.eye(3))])]) for box in (None, (50, 0, 450, 400)))
    assert part.height > whole.height  # by a line


def test_values_that_are_not_finite_are_told():
    values = np.eye(5)
    finite = draw_sheet([row(results=[heat(values)])])
    values[2, 3] = np.nan
    told = draw_sheet([row(results=[heat(values)])])
    assert told.height > finite.height  # by a line
    np.testing.assert_array_equal(panel(told, 1), panel(finite, 1))


def test_images_have_no_scale_and_are_grey_where_they_are_nothing():
    sheet = draw_sheet([row(results=[Result("guided-backprop", [], np.zeros((8, 8, 3), np.float32))])])
    assert (panel(sheet, 1) == 128).all()


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (20_000, 1), (1, 20_000), (3000, 2000), (2000, 20)])
def test_photographs_of_any_size_give_a_bounded_sheet(size):
    results = [heat(np.eye(7)), Result("guided-backprop", [], np.ones((8, 8, 3), np.float32))]
    sheet = draw_sheet([row(size, results=results)])
    assert 600 < sheet.width < 3000
    assert 150 < sheet.height < 1000


def test_panels_shrink_where_there_are_many_rows():
    one, many = (draw_sheet([row(results=[heat(np.eye(7))])] * count) for count in (1, 60))
    assert many.width < one.width
    assert LONGEST_SIDE / 2 < many.height <= LONGEST_SIDE


def test_more_than_fits_is_an_error():
    with pytest.raises(OutputError, match=r"500 rows of 2 panels do not fit .* draw fewer of them at a time with row="):
        draw_sheet([row((8, 8), results=[heat(np.eye(7))])] * 500)
    with pytest.raises(OutputError, match="1 rows of 201 panels do not fit"):
        draw_sheet([row((8, 8), results=[heat(np.eye(7))] * 200)])


@pytest.mark.parametrize("label", ["\udc80\n\u202e\x00", "W" * 10_000, ""])
def test_labels_do_not_change_the_size(label):
    assert draw_sheet([row(label=label)]).size == draw_sheet([row()]).size


@pytest.mark.parametrize(("size", "drawn"), [((60, 40), (60, 40)), ((1, 1), (1, 1)), ((4096, 1024), (2048, 512))])
def test_an_overlay_has_the_photographs_size_up_to_a_bound(size, drawn):
    assert draw_overlay(row(size, results=[heat(np.eye(7))])).size == drawn


def test_an_overlay_with_and_without_its_outline():
    nothing = row(box=(50, 0, 450, 400), results=[heat(np.zeros((7, 7)))])
    np.testing.assert_array_equal(np.asarray(draw_overlay(nothing, outline=False)), np.asarray(nothing.photograph))
    assert (np.asarray(draw_overlay(nothing)) != np.asarray(nothing.photograph)).any()


def test_an_overlay_of_an_image_is_refused():
    image = Result("guided-backprop", [], np.zeros((8, 8, 3), np.float32))
    with pytest.raises(MethodError, match="'guided-backprop' gives an image; draw it with figure or save"):
        draw_overlay(row(results=[image]))
