"""Resize and centre crop: their sizes, and the position of the crop on the original image.

The rounding is torchvision's (``Resize`` and ``CenterCrop``), since most models were trained with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxcam.metadata import Preprocessing

Size = tuple[int, int]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Geometry:
    """The sizes of an image before and after resizing, and the crop.

    Attributes:
        photograph: (width, height) before resizing.
        resized: (width, height) after resizing.
        crop: (left, top, right, bottom) in the resized image. If the image is smaller than the crop, the box extends
            beyond it, and is padded.
    """

    photograph: Size
    resized: Size
    crop: tuple[int, int, int, int]

    @property
    def size(self) -> Size:
        """The (width, height) that the model sees."""
        left, top, right, bottom = self.crop
        return (right - left, bottom - top)

    def box_on(self, size: Size) -> Box:
        """The crop on the original image, drawn at any size.

        Args:
            size: The (width, height) of the drawing.

        Returns:
            (left, top, right, bottom) in pixels of the drawing, with fractions. A padded crop extends beyond it.
        """
        across, down = size[0] / self.resized[0], size[1] / self.resized[1]
        left, top, right, bottom = self.crop
        return (left * across, top * down, right * across, bottom * down)

    def centre_of(self, cell: tuple[int, int], size: Size) -> tuple[float, float]:
        """The centre of a cell of a map on the original image.

        Args:
            cell: (row, column) in the map.
            size: The (width, height) of the map, which covers the crop.

        Returns:
            (x, y) in pixels of the original image.
        """
        (row, column), (width, height) = cell, size
        left, top, right, bottom = self.box_on(self.photograph)
        return (left + (right - left) * (column + 0.5) / width, top + (bottom - top) * (row + 0.5) / height)

    def on_photograph(self, box: Box) -> Box:
        """A box of the model's input on the original image, cut off at its edges.

        Args:
            box: (left, top, right, bottom) in pixels of the input.
        """
        across, down = self.photograph[0] / self.resized[0], self.photograph[1] / self.resized[1]
        left, top = self.crop[:2]
        scaled = ((box[0] + left) * across, (box[1] + top) * down, (box[2] + left) * across, (box[3] + top) * down)
        width, height = self.photograph
        x0, y0, x1, y1 = (min(max(edge, 0), side) for edge, side in zip(scaled, (width, height) * 2, strict=True))
        return (x0, y0, x1, y1)


def geometry(photograph: Size, preprocessing: Preprocessing) -> Geometry:
    """Computes the sizes of resize and crop for an image.

    Args:
        photograph: The (width, height) of the image.
        preprocessing: From the model's metadata.

    Returns:
        The geometry.
    """
    crop = preprocessing.crop
    if preprocessing.letterbox is not None and crop is not None:
        resized = _inside(photograph, (crop, crop) if isinstance(crop, int) else crop)
    else:
        resized = _resized(photograph, preprocessing.resize)
    return Geometry(photograph, resized, _crop(resized, preprocessing.crop))


def _inside(photograph: Size, crop: tuple[int, int]) -> Size:
    """The largest size of the whole photograph that fits into a crop (height, width), rounded as YOLO networks do."""
    width, height = photograph
    ratio = min(crop[0] / height, crop[1] / width)
    return (max(1, round(width * ratio)), max(1, round(height * ratio)))


def _resized(photograph: Size, resize: int | tuple[int, int] | None) -> Size:
    if resize is None:
        return photograph
    if not isinstance(resize, int):
        height, width = resize
        return (width, height)
    width, height = photograph
    # The longer side is cut off to whole pixels, not rounded. A very long image keeps at least one.
    if width <= height:
        return (resize, max(1, int(resize * height / width)))
    return (max(1, int(resize * width / height)), resize)


def _crop(resized: Size, crop: int | tuple[int, int] | None) -> tuple[int, int, int, int]:
    if crop is None:
        return (0, 0, *resized)
    height, width = (crop, crop) if isinstance(crop, int) else crop
    left, top = _start(resized[0], width), _start(resized[1], height)
    return (left, top, left + width, top + height)


def _start(length: int, crop: int) -> int:
    """The crop's first pixel along an axis: halves are rounded to even in cropping, and down in padding."""
    return round((length - crop) / 2) if length >= crop else -((crop - length) // 2)
