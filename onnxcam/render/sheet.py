"""The picture that ``Explanation.save`` writes: a strip for each explained class, a panel for each method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from onnxcam import cam as mathematics
from onnxcam.files import check_writable, replacing
from onnxcam.picture import PANEL_SIDE
from onnxcam.preprocessing import channels_last, to_pixels
from onnxcam.render.formats import picture_format
from onnxcam.render.panels import overlay, panel_size, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from onnxcam.cam import Floats
    from onnxcam.explanation import ClassScore, Explanation, Method
    from onnxcam.geometry import Box

TITLES: dict[Method, str] = {
    "grad-cam": "Grad-CAM",
    "cam": "CAM",
    "guided-backprop": "Guided Backpropagation",
    "guided-grad-cam": "Guided Grad-CAM",
}

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_PAPER = (255, 255, 255)
_INK = (28, 28, 34)
_FAINT = (112, 112, 122)
_TOP_CLASSES = 3

# PNG's quickest setting that still filters: half the time of the default for a few per cent more bytes.
_SAVE_OPTIONS = {"PNG": {"compress_level": 3}, "JPEG": {"quality": 92}, "WEBP": {"quality": 90}}


@dataclass(frozen=True, slots=True)
class _Panel:
    """An image with a title and the small print below it."""

    image: Image.Image
    title: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Strip:
    """One explained class."""

    explained: ClassScore
    panels: tuple[_Panel, ...]


def save_sheet(path: Path, draw: Callable[[], Image.Image]) -> Path:
    """Checks the path, draws, and writes.

    Args:
        path: The ending chooses the format.
        draw: Makes the picture; not called where the path is no good.

    Returns:
        The path.

    Raises:
        OutputError: The ending is not known, or the folder does not exist or cannot be written.
    """
    name = picture_format(path)
    check_writable(path)
    image = draw()
    with replacing(path) as file:
        image.save(file, name, **_SAVE_OPTIONS[name])
    return path


def draw_sheet(explanation: Explanation, methods: Sequence[Method], layer: str | None = None) -> Image.Image:
    """Draws all rows of an explanation.

    Args:
        explanation: With the level that the methods need.
        methods: What to draw beside the photograph.
        layer: The target layer; None is the first that was fetched.

    Returns:
        The picture, RGB.
    """
    strips = [_draw_strip(strip) for strip in _strips(explanation, methods, layer)]
    sheet = Image.new("RGB", (max(s.width for s in strips), sum(s.height for s in strips)), _PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet


def _strips(explanation: Explanation, methods: Sequence[Method], layer: str | None) -> Iterator[_Strip]:
    images = {method: _method_images(explanation, method, layer) for method in methods}
    layer_name = layer or next(iter(explanation.activations), "")
    for row, index in enumerate(explanation.class_index):
        photograph, box = _photograph(explanation, row)
        top = tuple(_class_line(item) for item in explanation.top(_TOP_CLASSES, explanation.image_of(row)))
        panels = [_Panel(photograph, "Photograph", top)]
        for method, rows in images.items():
            is_map = method in {"grad-cam", "cam"}
            drawn = overlay(photograph, rows[row], box) if is_map else signed(rows[row], photograph.size, box)
            panels.append(_Panel(drawn, TITLES[method], _notes(explanation, method, layer_name)))
        yield _Strip(explanation.class_score(int(index), explanation.image_of(row)), tuple(panels))


def _method_images(explanation: Explanation, method: Method, layer: str | None) -> Floats:
    """What is drawn for all rows: maps in [0, 1], [M, h, w], or standardised images, [M, H, W, C]."""
    values = explanation.compute(method, layer)
    if method in {"grad-cam", "cam"}:
        return mathematics.normalise(values)
    return channels_last(mathematics.standardise(values), explanation.metadata)


def _photograph(explanation: Explanation, row: int) -> tuple[Image.Image, Box]:
    """The photograph as a panel, and the model's square on it."""
    image = explanation.image_of(row)
    if explanation.subjects is None:
        pixels = to_pixels(explanation.tensor[image : image + 1], explanation.metadata)[0]
        seen = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")
        size = panel_size(seen.size)
        return seen.resize(size, Image.Resampling.BICUBIC), (0, 0, *size)
    subject = explanation.subjects[image]
    size = panel_size(subject.photograph.size)
    drawn = subject.photograph.resize(size, Image.Resampling.LANCZOS, reducing_gap=2)
    return drawn, subject.geometry.box_on(size)


def _notes(explanation: Explanation, method: Method, layer: str) -> tuple[str, ...]:
    if method == "guided-backprop":
        return ("which pixels raise the score",)
    if method == "guided-grad-cam":
        return ("which pixels, where the class is",)
    name = explanation.metadata.cam_layer if method == "cam" else layer
    return (f"where the class is, at {name}",)


def _class_line(item: ClassScore) -> str:
    return f"{_figure(item)}  {_short(item.label)}"


def _figure(item: ClassScore) -> str:
    return f"{item.score:.4g}" if item.probability is None else f"{item.probability:.1%}"


def _short(label: str) -> str:
    """The first of a label's synonyms."""
    return label.partition(",")[0].strip()


def _draw_strip(strip: _Strip) -> Image.Image:
    """Lays out one strip: the class above, the panels in a row, titles and notes below them."""
    width, height = strip.panels[0].image.size
    unit = max(width, height) / PANEL_SIDE
    heading, title, small = (ImageFont.load_default(max(11, round(size * unit))) for size in (34, 25, 20))
    margin, line = round(28 * unit), round(30 * unit)
    lines = 1 + max(len(panel.notes) for panel in strip.panels)
    image_top = margin + round(56 * unit)
    size = (
        margin + (width + margin) * len(strip.panels),
        image_top + height + line * lines + round(14 * unit) + margin,
    )
    canvas = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(canvas)
    _draw_heading(pen, strip.explained, (margin, margin), heading)
    for number, panel in enumerate(strip.panels):
        left = margin + (width + margin) * number
        canvas.paste(panel.image, (left, image_top))
        top = image_top + height + round(12 * unit)
        pen.text((left, top), panel.title, _INK, title)
        for index, note in enumerate(panel.notes, start=1):
            pen.text((left, top + line * index), _fit(pen, note, width, small), _FAINT, small)
    return canvas


def _draw_heading(pen: ImageDraw.ImageDraw, explained: ClassScore, position: tuple[int, int], font: Font) -> None:
    pen.text(position, explained.label, _INK, font)
    left = position[0] + pen.textlength(explained.label + "  ", font)
    kind = "score " if explained.probability is None else ""
    pen.text((left, position[1]), kind + _figure(explained), _FAINT, font)


def _fit(pen: ImageDraw.ImageDraw, text: str, width: int, font: Font) -> str:
    """Shortens a line that is wider than its panel."""
    if pen.textlength(text, font) <= width:
        return text
    while text and pen.textlength(text + "…", font) > width:
        text = text[:-1]
    return text + "…"
