import numpy as np
from PIL import Image

from onnxcam.render.layout import Panel, Strip, lay_out


def strip(heading="tiger cat", size=(400, 300), notes=("a note",), count=4) -> Strip:
    image = Image.new("RGB", size, "red")
    return Strip(heading, "94.1%", tuple(Panel(image, "Grad-CAM", notes) for _ in range(count)))


def red_columns(sheet: Image.Image) -> int:
    """How many separate panels stand side by side."""
    is_red = (np.asarray(sheet) == (255, 0, 0)).all(axis=-1).any(axis=0)
    return int(np.count_nonzero(np.diff(is_red.astype(int)) == 1))


def ink(sheet: Image.Image) -> int:
    pixels = np.asarray(sheet)
    return int(np.count_nonzero((pixels != 255).any(axis=-1) & (pixels != (255, 0, 0)).any(axis=-1)))


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
