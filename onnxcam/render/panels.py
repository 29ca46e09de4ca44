"""Draws panels: a map as an overlay on the photograph, or a signed image at its position on the photograph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from onnxcam.photograph.opening import PANEL_SIDE
from onnxcam.render.colours import colour
from onnxcam.render.planes import picture_of

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.photograph.geometry import Box, Size

# Smaller photographs are enlarged, so that the map can be seen and the text read.
_SMALLEST_SIDE = 400

# Values below _FAINTEST of the map's range stay invisible, so that they do not tint the whole crop. From _FULL on, the
# colour has its full opacity, through which the photograph's texture still shows.
_FAINTEST, _FULL, _OPACITY = 0.1, 0.75, 0.7

# The photograph turns grey below the colour, so that an orange fish does not look like evidence. It also loses contrast
# around a middle grey, so that the colour shows on black and on white. Both come sooner than the colour.
_GREY_SOONER, _MIDDLE, _CONTRAST = 1.5, 140, 0.6

# The crop's outline is white on its inner side and dark on its outer side, so that it shows on any photograph.
_WHITE, _DARK = (255, 255, 255), (28, 28, 28)
_OUTLINE = 1 / 600

_NOTHING = 128
_LIGHT_SQUARE, _DARK_SQUARE = (232, 232, 232), (188, 188, 188)


def _smooth(values: Floats) -> Floats:
    position = np.clip((values - _FAINTEST) / (_FULL - _FAINTEST), 0, 1)
    smooth: Floats = position**2 * (3 - 2 * position)
    return smooth


def _levels(values: Floats) -> list[int]:
    return [int(level) for level in np.rint(255 * values)]


# The colour, the opacity and the greying for each of the 256 levels of an 8-bit map.
_STEPS = np.linspace(0, 1, 256)
_COLOURS = np.rint(colour(_STEPS[None])).astype(np.uint8).tobytes()
_OPACITIES = _levels(_OPACITY * _smooth(_STEPS))
_GREYINGS = _levels(np.minimum(_GREY_SOONER * _smooth(_STEPS), 1))
_MUTED = _levels((_STEPS - _MIDDLE / 255) * _CONTRAST + _MIDDLE / 255)


def panel_size(photograph: Size, longest: int = PANEL_SIDE, smallest: int = _SMALLEST_SIDE) -> Size:
    """The (width, height) at which a photograph is drawn, its longer side from ``smallest`` to ``longest``."""
    longer = max(photograph)
    factor = min(max(longer, smallest), longest) / longer
    return (max(1, round(photograph[0] * factor)), max(1, round(photograph[1] * factor)))


def overlay(photograph: Image.Image, values: Floats, box: Box, *, outline: bool = True) -> Image.Image:
    """Draws a map on a photograph: coloured where the map is high, and unchanged where it is near zero.

    With v the map's value at a pixel, s = clip((v - 0.1) / 0.65, 0, 1) and t = s² (3 - 2 s):

        greyed = photograph + min(1, 1.5 t) (140 + 0.6 (grey(photograph) - 140) - photograph)
        drawn  = greyed + 0.7 t (colour(v) - greyed)

    So the opacity is 0.7 t. Up to v = 0.1, and outside the box, the photograph does not change.

    Args:
        photograph: RGB.
        values: The map in [0, 1], [h, w].
        box: The map's position on the photograph, (left, top, right, bottom). It may extend beyond the photograph.
        outline: Whether a thin line marks the sides of the box that are inside the photograph.

    Returns:
        A new image of the photograph's size.
    """
    levels = Image.fromarray(np.rint(values * 255).astype(np.uint8))
    drawn = photograph.copy()
    levels, target = fit_into(levels, box, photograph.size)
    seen = photograph.crop(target)
    _paint(seen, levels)
    drawn.paste(seen, target)
    if outline:
        _outline(drawn, box)
    return drawn


def colours_of(values: Floats) -> Image.Image:
    """A map's colours alone, each with its opacity in ``overlay``.

    Args:
        values: [h, w] in [0, 1].

    Returns:
        RGBA, of the map's size.
    """
    levels = Image.fromarray(np.rint(values * 255).astype(np.uint8))
    drawn = levels.copy()
    drawn.putpalette(_COLOURS)
    drawn = drawn.convert("RGB")
    drawn.putalpha(levels.point(_OPACITIES))
    return drawn


def scale(size: Size) -> Image.Image:
    """The colour scale of ``overlay``, from zero on the left to the map's maximum on the right.

    Args:
        size: (width, height).

    Returns:
        A bar on a chequered ground, since the colours of an overlay are transparent.
    """
    across, down = np.arange(size[0]), np.arange(size[1])
    square = -(-size[1] // 2)
    is_dark = (down[:, None] // square + across // square) % 2
    ground = Image.fromarray(np.where(is_dark[..., None], _DARK_SQUARE, _LIGHT_SQUARE).astype(np.uint8))
    _paint(ground, Image.linear_gradient("L").rotate(90).resize(size))
    return ground


def signed(image: npt.NDArray[np.floating], size: Size, box: Box) -> Image.Image:
    """Draws a signed image, such as guided backpropagation, at its position on the photograph.

    Args:
        image: [H, W, C] in [0, 1], with 0.5 for zero; see ``image_to_draw``.
        size: The panel's (width, height).
        box: The image's position on the panel.

    Returns:
        The panel, grey outside the box.
    """
    drawn = Image.new("RGB", size, (_NOTHING, _NOTHING, _NOTHING))
    drawn.paste(*fit_into(picture_of(np.rint(image * 255).astype(np.uint8)), box, size))
    return drawn


def _paint(image: Image.Image, levels: Image.Image) -> None:
    """Draws an 8-bit map over an image of the same size, in place; see ``overlay``."""
    image.paste(image.convert("L").point(_MUTED), (0, 0), levels.point(_GREYINGS))
    colours = levels.copy()
    colours.putpalette(_COLOURS)
    image.paste(colours.convert("RGB"), (0, 0), levels.point(_OPACITIES))


def fit_into(image: Image.Image, box: Box, canvas: Size) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """Resamples an image to a box on a canvas.

    Args:
        image: The image.
        box: Its position on the canvas, in fractions of pixels; it may extend beyond the canvas.
        canvas: The (width, height) of the canvas.

    Returns:
        The part of the image that is on the canvas, and its box there in whole pixels.
    """
    (left, right), across = _overlap(box[0], box[2], canvas[0], image.width)
    (top, bottom), down = _overlap(box[1], box[3], canvas[1], image.height)
    source = (across[0], down[0], across[1], down[1])
    drawn = image.resize((right - left, bottom - top), Image.Resampling.BICUBIC, source)
    return drawn, (left, top, right, bottom)


def _overlap(start: float, end: float, canvas: int, image: int) -> tuple[tuple[int, int], tuple[float, float]]:
    """Along one axis: the canvas's whole pixels from start to end, and the part of the image that lies on them."""
    first = min(max(round(start), 0), canvas - 1)
    last = max(min(round(end), canvas), first + 1)
    ratio = image / (end - start)
    low, high = (min(max((edge - start) * ratio, 0), image) for edge in (first, last))
    return (first, last), (low, high)


def inner_sides(size: Size, box: Box) -> tuple[bool, bool, bool, bool]:
    """Whether the left, top, right and bottom side of a box are inside an image, not on its border or outside."""
    left, top, right, bottom = (round(edge) for edge in box)
    return (left > 0, top > 0, right < size[0], bottom < size[1])


def _outline(image: Image.Image, box: Box) -> None:
    """Draws the inner sides of a box: white along its inside, dark along its outside."""
    left, top, right, bottom = (round(edge) for edge in box)
    inside = inner_sides(image.size, box)
    thick = max(1, round(max(image.size) * _OUTLINE))
    pen = ImageDraw.Draw(image)
    _frame(pen, (left - thick, top - thick, right + thick, bottom + thick), inside, thick, _DARK)
    _frame(pen, (left, top, right, bottom), inside, thick, _WHITE)


def _frame(
    pen: ImageDraw.ImageDraw,
    corners: tuple[int, int, int, int],
    sides: tuple[bool, bool, bool, bool],
    thick: int,
    ink: tuple[int, int, int],
) -> None:
    """Draws the chosen sides (left, top, right, bottom) of a rectangle, ``thick`` pixels wide, on its inside."""
    left, top, right, bottom = corners
    bars = (
        (left, top, left + thick, bottom),
        (left, top, right, top + thick),
        (right - thick, top, right, bottom),
        (left, bottom - thick, right, bottom),
    )
    for (x0, y0, x1, y1), drawn in zip(bars, sides, strict=True):
        if drawn and x1 > x0 and y1 > y0:
            pen.rectangle((x0, y0, x1 - 1, y1 - 1), ink)
