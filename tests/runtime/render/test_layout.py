import numpy as np
import pytest
from PIL import Image

from onnxcam.render.layout import Panel, Strip, lay_out, strip_size


def strip(heading="tiger cat", size=(400, 300), notes=("a note",), count=4) -> Strip:
    image = Image.new("RGB", size, "red")
    return Strip(heading, "94.1%", tuple(Panel(image, "Grad-CAM", notes) for _ in range(count)))


def red_columns(sheet: Image.Image) -> int:
    """How many separate panels stand side by side."""
    is_red = (np.asarray(sheet) == (255, 0, 0)).all(axis=-1).any(axis=0)
    return int(np.count_nonzero(np.diff(is_red.astype(int)) == 1))


def is_ink(sheet: Image.Image) -> np.ndarray:
    pixels = np.asarray(sheet)
    return (pixels != 255).any(axis=-1) & (pixels != (255, 0, 0)).any(axis=-1)


def ink(sheet: Image.Image) -> int:
    return int(np.count_nonzero(is_ink(sheet)))


def ink_columns(sheet: Image.Image) -> np.ndarray:
    return np.flatnonzero(is_ink(sheet).any(axis=0))


def test_panels_stand_side_by_side_and_none_is_cut():
    sheet = lay_out([strip()])
    assert red_columns(sheet) == 4
    assert np.count_nonzero((np.asarray(sheet) == (255, 0, 0)).all(axis=-1)) == 4 * 400 * 300


def test_strips_stand_below_each_other():
    one, two = lay_out([strip()]), lay_out([strip(), strip()])
    assert two.size == (one.width, 2 * one.height)


def test_text_is_written():
    assert ink(lay_out([strip()])) > ink(lay_out([strip(notes=())])) > 500


def test_long_text_stays_on_the_sheet():
    long = "a very long name of a class, " * 30
    sheet = np.asarray(lay_out([strip(heading=long, notes=(long,))]))
    assert (sheet[:, -8:] == 255).all()


def test_slivers_leave_room_for_the_text():
    assert lay_out([strip(size=(640, 1))]).height > 100
    assert lay_out([strip(size=(1, 640), count=2)]).width > 600


@pytest.mark.parametrize("size", [(400, 300), (640, 1), (1, 640), (80, 80), (1, 1)])
def test_the_size_is_known_before_anything_is_drawn(size):
    drawn = lay_out([strip(size=size, notes=("a", "b"), count=3)])
    assert strip_size(size, panels=3, lines=2) == drawn.size


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines\r\n\ttabbed",
        "\x00\x1b[31mred",
        "\u202eright to left\u2066",
        "\udc80\ud800",
        "W" * 10_000,
        "\u0301" * 10_000,
        "",
    ],
)
def test_no_text_breaks_or_widens_the_sheet(text):
    plain = lay_out([strip()])
    sheet = lay_out(
        [Strip(text, text, tuple(Panel(Image.new("RGB", (400, 300), "red"), text, (text,)) for _ in range(4)))]
    )
    assert sheet.size == plain.size
    assert (np.asarray(sheet)[:, -8:] == 255).all()
    assert red_columns(sheet) == 4


def test_a_scale_takes_a_line_and_stays_in_its_column():
    for size in ((400, 300), (80, 80), (1, 640)):
        panel = Panel(Image.new("RGB", size, "red"), "", (), has_scale=True)
        sheet = lay_out([Strip("", "", (panel, Panel(panel.image, "", ())))])
        assert sheet.size == strip_size(size, panels=2, lines=1)
        assert ink_columns(sheet).size > 40
        assert ink_columns(sheet).max() < sheet.width // 2
