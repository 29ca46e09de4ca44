import numpy as np
import pytest
from PIL import Image

from onnxcam.render.panels import overlay, panel_size, signed


@pytest.mark.parametrize(
    ("photograph", "drawn"),
    [((4000, 3000), (640, 480)), ((600, 500), (600, 500)), ((32, 16), (400, 200)), ((9000, 1), (640, 1))],
)
def test_panel_sizes(photograph, drawn):
    assert panel_size(photograph) == drawn


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.int32)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_evidence_can_be_seen_on_any_photograph(shade):
    photograph = Image.new("RGB", (80, 80), (shade, shade, shade))
    box = (0, 0, 80, 80)
    nothing = pixels(overlay(photograph, np.zeros((7, 7)), box))
    everything = pixels(overlay(photograph, np.ones((7, 7)), box))
    assert np.ptp(nothing, axis=-1).max() == 0  # grey stays grey: no colour without evidence
    assert np.abs(everything - nothing).sum(axis=-1).min() > 150


def test_a_map_lies_where_the_model_looked():
    values = np.zeros((2, 2))
    values[0, 1] = 1
    drawn = pixels(overlay(Image.new("RGB", (100, 60), "grey"), values, (20, 0, 80, 60)))
    coloured = np.ptp(drawn, axis=-1)
    row, column = np.unravel_index(coloured.argmax(), coloured.shape)
    assert (row < 30, 50 < column < 80) == (True, True)
    assert coloured[:, :20].max() == coloured[:, 80:].max() == 0


def test_what_the_model_did_not_see_is_faded():
    drawn = pixels(overlay(Image.new("RGB", (100, 60), "grey"), np.zeros((2, 2)), (20, 0, 80, 60)))
    assert drawn[:, :20].min() > drawn[:, 20:80].max() + 50
    assert drawn[:, 80:].min() > drawn[:, 20:80].max() + 50


def test_a_crop_beyond_the_photograph_is_cut_off():
    drawn = overlay(Image.new("RGB", (40, 20)), np.ones((3, 3)), (-10, -20, 50, 40))
    assert drawn.size == (40, 20)
    assert np.ptp(pixels(drawn), axis=(0, 1)).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_a_signed_image_is_placed_on_grey(channels):
    image = np.ones((4, 4, channels), np.float32)
    drawn = pixels(signed(image, (60, 40), (20, 10, 40, 30)))
    assert drawn.shape == (40, 60, 3)
    assert drawn[20, 30].tolist() == [255, 255, 255]
    assert drawn[2, 2].tolist() == [128, 128, 128]
    assert drawn[20, 10].tolist() == [128, 128, 128]
