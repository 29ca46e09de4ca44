"""Draws a picture of rows: a strip for each explained class, with the photograph and a panel for each method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from onnxcam.errors import MethodError, OutputError
from onnxcam.methods import TITLES
from onnxcam.photograph.opening import PANEL_SIDE
from onnxcam.render.boxes import with_boxes
from onnxcam.render.captions import class_line, note, remark
from onnxcam.render.display import image_to_draw, map_to_draw
from onnxcam.render.layout import Panel, Strip, lay_out, strip_size
from onnxcam.render.panels import inner_sides, overlay, panel_size, signed
from onnxcam.render.regions import with_region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cam import Floats
    from onnxcam.methods import Method
    from onnxcam.photograph.geometry import Box, Size
    from onnxcam.render.boxes import Outline
    from onnxcam.scores import ClassScore

TOP_CLASSES = 3
_MOST_LINES = 4

# All formats can hold 16,000 pixels. If many strips would be higher, their panels shrink.
LONGEST_SIDE = 16_000
_PANEL_SIDES = range(PANEL_SIDE, 79, -40)

# The longest side of an overlay alone, which otherwise has the photograph's own size.
_LONGEST_OVERLAY = 2048

# Down to a panel, Hamming's window is off Lanczos's by 0.7 grey levels on average, and takes half of the time.
_TO_PANEL = Image.Resampling.HAMMING


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one method for one row.

    Attributes:
        method: The method's name on the command line.
        layers: The target layer of a map, or those of a fused one.
        values: A map [h, w], or an image [H, W, C]; three channels are in RGB order.
    """

    method: Method
    layers: Sequence[str]
    values: Floats

    @property
    def is_map(self) -> bool:
        """Whether the values are a map, and not an image with channels."""
        return self.values.ndim == 2


@dataclass(frozen=True, slots=True)
class Row:
    """The contents of one strip: an explained class and its results.

    Attributes:
        explained: The class.
        top: The classes with the highest scores.
        photograph: RGB.
        box: The part that the model saw, (left, top, right, bottom) in the photograph's pixels.
        results: The results, in the order of the panels.
        title: The title of the photograph, or of what is drawn in its place.
        outlines: The boxes of a detection model, in the photograph's pixels.
        region: The mask of the explained region, on the part that the model saw; None without one.
    """

    explained: ClassScore
    top: Sequence[ClassScore]
    photograph: Image.Image
    box: Box
    results: Sequence[Result]
    title: str = "Photograph"
    outlines: Sequence[Outline] = ()
    region: Floats | None = None


def draw_sheet(rows: Sequence[Row]) -> Image.Image:
    """Draws rows as strips below each other.

    Args:
        rows: At least one.

    Returns:
        The picture, RGB. No side is longer than ``LONGEST_SIDE``.

    Raises:
        OutputError: There are too many rows or methods for one picture.
    """
    longest = _panel_side(rows)
    resized: dict[int, Image.Image] = {}
    for row in rows:  # several rows may share one photograph
        if id(row.photograph) not in resized:
            resized[id(row.photograph)] = _resize(row.photograph, panel_size(row.photograph.size, longest), _TO_PANEL)
    return lay_out([_strip(row, resized[id(row.photograph)]) for row in rows])


def draw_overlay(row: Row, *, outline: bool = True) -> Image.Image:
    """Draws a row's map on its photograph, with nothing beside it.

    Args:
        row: With one result.
        outline: Whether a thin line marks the box.

    Returns:
        RGB, of the photograph's size up to 2048 pixels on the longer side.

    Raises:
        MethodError: The result is not a map.
    """
    (result,) = row.results
    if not result.is_map:
        raise MethodError(f"an overlay draws a map, and {result.method!r} gives an image; draw it with figure or save")
    size = panel_size(row.photograph.size, _LONGEST_OVERLAY, smallest=1)
    photograph = _resize(row.photograph, size, Image.Resampling.LANCZOS)
    return overlay(photograph, map_to_draw(result.values), _scaled(row.box, row.photograph.size, size), outline=outline)


def _panel_side(rows: Sequence[Row]) -> int:
    """The largest side of a panel with which all strips fit the picture."""
    columns = 1 + max(len(row.results) for row in rows)
    for side in _PANEL_SIDES:
        sizes = [strip_size(panel_size(row.photograph.size, side), columns, _MOST_LINES) for row in rows]
        if max(width for width, _ in sizes) <= LONGEST_SIDE and sum(height for _, height in sizes) <= LONGEST_SIDE:
            return side
    raise OutputError(
        f"{len(rows)} rows of {columns} panels do not fit a picture of {LONGEST_SIDE:,} by {LONGEST_SIDE:,} pixels; "
        "draw fewer of them at a time with row=…"
    )


def _strip(row: Row, photograph: Image.Image) -> Strip:
    box = _scaled(row.box, row.photograph.size, photograph.size)
    old, new = row.photograph.size, photograph.size
    boxes = [replace(one, corners=_scaled(one.corners, old, new)) for one in row.outlines]
    explained = [one for one in boxes if one.is_explained]
    lines = tuple(class_line(item) for item in row.top[:TOP_CLASSES])
    panels = [Panel(with_region(with_boxes(photograph, boxes), row.region, box), row.title, lines)]
    for result in row.results:
        panel = _panel(result, photograph, box)
        panels.append(replace(panel, image=with_region(with_boxes(panel.image, explained), row.region, box)))
    return Strip(row.explained.label, remark(row.explained), tuple(panels))


def _panel(result: Result, photograph: Image.Image, box: Box) -> Panel:
    notes = [note(result.method, result.layers)]
    if result.is_map:
        drawn = overlay(photograph, map_to_draw(result.values), box)
        notes += ["frame: the part that the model saw"] * any(inner_sides(photograph.size, box))
    else:
        drawn = signed(image_to_draw(result.values), photograph.size, box)
    if bad := int(np.count_nonzero(~np.isfinite(result.values))):
        notes.append(f"{bad} of {result.values.size} values are not finite")
    return Panel(drawn, TITLES[result.method], tuple(notes), has_scale=result.is_map)


def _resize(photograph: Image.Image, size: Size, smaller: Image.Resampling) -> Image.Image:
    if photograph.size == size:
        return photograph
    return photograph.resize(size, smaller if size[0] < photograph.width else Image.Resampling.BICUBIC, reducing_gap=2)


def _scaled(box: Box, old: Size, new: Size) -> Box:
    across, down = new[0] / old[0], new[1] / old[1]
    left, top, right, bottom = box
    return (left * across, top * down, right * across, bottom * down)
