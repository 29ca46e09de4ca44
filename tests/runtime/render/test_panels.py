import numpy as np
import pytest
from PIL import Image

from onnxcam.render.colours import colour
from onnxcam.render.panels import inner_sides, overlay, panel_size, scale, signed


@pytest.mark.parametrize(
    ("photograph", "drawn"),
    [((4000, 3000), (640, 480)), ((600, 500), (600, 500)), ((32, 16), (400, 200)), ((9000, 1), (640, 1))],
)
def test_panel_sizes(photograph, drawn):
    assert panel_size(photograph) == drawn


def test_panel_sizes_within_other_bounds():
    assert panel_size((4000, 3000), longest=80) == (80, 60)
    assert panel_size((32, 16), longest=80) == (80, 40)
    assert panel_size((32, 16), smallest=1) == (32, 16)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.int32)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_evidence_can_be_seen_on_any_photograph(shade):
    photograph = Image.new("RGB", (80, 80), (shade, shade, shade))
    box = (0, 0, 80, 80)
    nothing = pixels(overlay(photograph, np.zeros((7, 7)), box))
    everything = pixels(overlay(photograph, np.ones((7, 7)), box))
    assert np.ptp(nothing, axis=-1).max() == 0  # grey stays grey: no colour without evidence
    assert np.abs(everything - nothing).sum(axis=-1).min() > 150


def test_a_map_of_zeros_leaves_the_photograph_alone_but_for_the_outline():
    photograph, box = noise(100, 60), (20, 10, 80, 50)
    drawn = pixels(overlay(photograph, np.zeros((3, 3)), box))
    untouched = np.ones((60, 100), bool)
    untouched[9:51, 19:81] = False
    untouched[11:49, 21:79] = True
    np.testing.assert_array_equal(drawn[untouched], pixels(photograph)[untouched])
    assert (drawn != pixels(photograph))[~untouched].any(axis=-1).all()
    np.testing.assert_array_equal(pixels(overlay(photograph, np.zeros((3, 3)), box, outline=False)), pixels(photograph))


def test_weak_values_do_not_tint_the_square():
    photograph = noise(100, 60)
    drawn = overlay(photograph, np.full((3, 3), 0.1), (0, 0, 100, 60))
    np.testing.assert_array_equal(pixels(drawn), pixels(photograph))


def test_outside_the_box_the_photograph_is_untouched():
    photograph = noise(100, 60)
    drawn = pixels(overlay(photograph, np.ones((3, 3)), (20, 0, 80, 60), outline=False))
    np.testing.assert_array_equal(drawn[:, :20], pixels(photograph)[:, :20])
    np.testing.assert_array_equal(drawn[:, 80:], pixels(photograph)[:, 80:])
    assert (drawn[:, 20:80] != pixels(photograph)[:, 20:80]).any(axis=-1).mean() > 0.9


def test_the_photograph_that_was_given_is_not_drawn_on():
    photograph = noise(100, 60)
    overlay(photograph, np.ones((3, 3)), (20, 10, 80, 50))
    np.testing.assert_array_equal(pixels(photograph), pixels(noise(100, 60)))


@pytest.mark.parametrize("value", [0.15, 0.4, 0.6, 0.75, 1])
def test_the_formula_of_the_docstring(value):
    """In floating point and for a constant map; the drawing rounds to 8 bits three times."""
    photograph = noise(30, 20)
    position = np.clip((value - 0.1) / 0.65, 0, 1)
    opacity = position**2 * (3 - 2 * position)
    grey = pixels(photograph.convert("L"))[..., None]
    greyed = pixels(photograph) + min(1, 1.5 * opacity) * (140 + 0.6 * (grey - 140) - pixels(photograph))
    expected = greyed + 0.7 * opacity * (colour(np.array([[value]])) - greyed)
    drawn = overlay(photograph, np.full((2, 2), value), (0, 0, 30, 20))
    np.testing.assert_allclose(pixels(drawn), expected, atol=3)


def test_a_map_lies_where_the_model_looked():
    values = np.zeros((2, 2))
    values[0, 1] = 1
    drawn = pixels(overlay(Image.new("RGB", (100, 60), "grey"), values, (20, 0, 80, 60)))
    coloured = np.ptp(drawn, axis=-1)
    row, column = np.unravel_index(coloured.argmax(), coloured.shape)
    assert (row < 30, 50 < column < 80) == (True, True)
    assert coloured[:, :20].max() == coloured[:, 80:].max() == 0


@pytest.mark.parametrize("ground", ["black", "grey", "white", "gold"])
def test_the_outline_shows_on_any_photograph(ground):
    photograph = Image.new("RGB", (100, 60), ground)
    contrast = np.abs(pixels(overlay(photograph, np.zeros((2, 2)), (20, 10, 80, 50))) - pixels(photograph)).max(axis=-1)
    assert np.maximum(contrast[10:50, 19], contrast[10:50, 20]).min() > 90
    assert np.maximum(contrast[50, 20:80], contrast[49, 20:80]).min() > 90


@pytest.mark.parametrize(
    ("box", "sides"),
    [
        ((0, 0, 100, 60), (False, False, False, False)),
        ((20, 0, 80, 60), (True, False, True, False)),
        ((-10, 5, 110, 55), (False, True, False, True)),
        ((0.4, 0.2, 99.7, 60.3), (False, False, False, False)),
        ((1, 1, 99, 59), (True, True, True, True)),
    ],
)
def test_only_sides_inside_the_photograph_are_marked(box, sides):
    assert inner_sides((100, 60), box) == sides
    drawn = pixels(overlay(Image.new("RGB", (100, 60), "grey"), np.zeros((2, 2)), box)) != 128
    middles = (drawn[30, :50], drawn[:30, 50], drawn[30, 50:], drawn[30:, 50])
    assert tuple(bool(middle.any()) for middle in middles) == sides


def test_a_crop_beyond_the_photograph_is_cut_off():
    drawn = overlay(Image.new("RGB", (40, 20)), np.ones((3, 3)), (-10, -20, 50, 40))
    assert drawn.size == (40, 20)
    assert np.ptp(pixels(drawn), axis=(0, 1)).max() <= 1


@pytest.mark.parametrize(("box", "middle"), [((-10, 0, 50, 20), 20), ((0, 0, 60, 20), 30), ((-35, 0, 41, 20), 3)])
def test_what_is_cut_off_does_not_move_the_rest(box, middle):
    """The image turns from black to white in its middle."""
    drawn = pixels(signed(np.array([[[0], [1]]], np.float32), (40, 20), box))[10, :, 0]
    np.testing.assert_array_less(drawn[: middle - 1], 128)
    np.testing.assert_array_less(127, drawn[middle + 1 :])


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_maps_of_one_row_or_column_fill_their_box(shape):
    photograph = noise(100, 60)
    drawn = overlay(photograph, np.ones(shape), (20, 10, 80, 50), outline=False)
    full = overlay(photograph, np.ones((7, 7)), (20, 10, 80, 50), outline=False)
    np.testing.assert_array_equal(pixels(drawn), pixels(full))


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1)])
def test_slivers_are_drawn(size):
    assert overlay(noise(*size), np.ones((3, 3)), (0.2, 0.2, size[0] - 0.2, size[1] - 0.2)).size == size


def test_the_scale_has_the_colours_that_are_drawn():
    bar = pixels(scale((256, 8)))
    for value in (0, 0.3, 0.5, 0.8, 1):
        column = round(255 * value)
        drawn = overlay(Image.new("RGB", (4, 4), scale_ground(column)), np.full((2, 2), value), (0, 0, 4, 4))
        np.testing.assert_allclose(bar[0, column], pixels(drawn)[0, 0], atol=4)


def scale_ground(column: int) -> tuple[int, int, int]:
    """The upper row of squares of 4 pixels: light first."""
    return (232, 232, 232) if column // 4 % 2 == 0 else (188, 188, 188)


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (90, 2)])
def test_scales_of_any_size(size):
    assert scale(size).size == size


@pytest.mark.parametrize("channels", [1, 3])
def test_a_signed_image_is_placed_on_grey(channels):
    image = np.ones((4, 4, channels), np.float32)
    drawn = pixels(signed(image, (60, 40), (20, 10, 40, 30)))
    assert drawn.shape == (40, 60, 3)
    assert drawn[20, 30].tolist() == [255, 255, 255]
    assert drawn[2, 2].tolist() == [128, 128, 128]
    assert drawn[20, 10].tolist() == [128, 128, 128]
