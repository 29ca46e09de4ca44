"""The picture that ``Explanation.save`` writes: a strip for each explained class, a panel for each method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from onnxcam import cam as mathematics
from onnxcam.files import check_writable, replacing
from onnxcam.photograph.preprocessing import channels_last, to_pixels
from onnxcam.render.formats import picture_format
from onnxcam.render.layout import Panel, Strip, lay_out
from onnxcam.render.panels import inner_sides, overlay, panel_size, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from onnxcam.cam import Floats
    from onnxcam.explanation import ClassScore, Explanation, Method
    from onnxcam.photograph.geometry import Box

TITLES: dict[Method, str] = {
    "grad-cam": "Grad-CAM",
    "cam": "CAM",
    "guided-backprop": "Guided Backpropagation",
    "guided-grad-cam": "Guided Grad-CAM",
}


_TOP_CLASSES = 3

# PNG's quickest setting that still filters: half the time of the default for a few per cent more bytes.
_SAVE_OPTIONS = {"PNG": {"compress_level": 3}, "JPEG": {"quality": 92}, "WEBP": {"quality": 90}}


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
    return lay_out(list(_strips(explanation, methods, layer)))


def _strips(explanation: Explanation, methods: Sequence[Method], layer: str | None) -> Iterator[Strip]:
    images = {method: _method_images(explanation, method, layer) for method in methods}
    layer_name = layer or next(iter(explanation.activations), "")
    for row, index in enumerate(explanation.class_index):
        photograph, box = _photograph(explanation, row)
        top = tuple(_class_line(item) for item in explanation.top(_TOP_CLASSES, explanation.image_of(row)))
        panels = [Panel(photograph, "Photograph", top)]
        for method, rows in images.items():
            is_map = method in {"grad-cam", "cam"}
            drawn = overlay(photograph, rows[row], box) if is_map else signed(rows[row], photograph.size, box)
            notes = _notes(explanation, method, layer_name)
            if is_map and any(inner_sides(photograph.size, box)):
                notes += ("in the frame: what the model saw",)
            panels.append(Panel(drawn, TITLES[method], notes, has_scale=is_map))
        explained = explanation.class_score(int(index), explanation.image_of(row))
        kind = "score " if explained.probability is None else ""
        yield Strip(explained.label, kind + _figure(explained), tuple(panels))


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
        return ("pixels that raise the score",)
    if method == "guided-grad-cam":
        return ("those pixels, where Grad-CAM sees the class",)
    name = explanation.metadata.cam_layer if method == "cam" else layer
    return (f"where the class is seen, at {name}",)


def _class_line(item: ClassScore) -> str:
    return f"{_figure(item)}  {_short(item.label)}"


def _figure(item: ClassScore) -> str:
    return f"{item.score:.2f}" if item.probability is None else f"{item.probability:.1%}"


def _short(label: str) -> str:
    """The first of a label's synonyms."""
    return label.partition(",")[0].strip()
