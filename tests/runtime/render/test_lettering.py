import numpy as np
import pytest
from PIL import Image, ImageDraw

from onnxcam.render.lettering import fitted, font, length, write


@pytest.mark.parametrize("text", ["espresso", "fjÄy, (95.7%)", "…", " "])
@pytest.mark.parametrize("size", [13, 36])
def test_it_is_what_pillow_draws(text, size):
    expected, drawn = Image.new("RGB", (400, 60), "white"), Image.new("RGB", (400, 60), "white")
    ImageDraw.Draw(expected).text((7, 5), text, (28, 28, 34), font(size))
    for _ in range(2):  # anew, and as it is kept
        drawn.paste("white", (0, 0, 400, 60))
        write(drawn, (7, 5), text, (28, 28, 34), font(size))
        np.testing.assert_array_equal(np.asarray(drawn), np.asarray(expected))


def test_one_wording_in_two_colours_and_sizes():
    picture = Image.new("RGB", (200, 120), "white")
    for top, ink, size in ((0, (255, 0, 0), 20), (60, (0, 0, 255), 40)):
        write(picture, (0, top), "cat", ink, font(size))
    pixels = np.asarray(picture)
    assert (pixels[:60] == (255, 0, 0)).all(axis=-1).any()
    assert (pixels[60:] == (0, 0, 255)).all(axis=-1).any()
    assert not (pixels[:60] == (0, 0, 255)).all(axis=-1).any()


@pytest.mark.parametrize("room", [0, 30, 80, 1000])
def test_the_longest_part_that_fits(room):
    text = "a very long name of a class"
    kept = fitted(text, room, font(20))
    if length(text, font(20)) <= room:
        assert kept == text
        return
    assert kept.endswith("…")
    assert length(kept, font(20)) <= max(room, length("…", font(20)))
    longer = text[: len(kept)] + "…"
    assert length(longer, font(20)) > room
