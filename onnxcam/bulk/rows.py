"""The rows of a batch that was explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam import cam
from onnxcam.bulk.arrays import loudest_channel, packed
from onnxcam.bulk.columns import Row
from onnxcam.levels import AT_INPUT
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from onnxcam.cam import Floats
    from onnxcam.explanation import Explanation
    from onnxcam.levels import Level
    from onnxcam.methods import MapMethod
    from onnxcam.photograph.geometry import Geometry
    from onnxcam.targets.rows import Target


@dataclass(frozen=True, slots=True)
class Wish:
    """The computation for each image.

    Attributes:
        targets: The targets of each image; each is a row.
        level: 0, 1 or 2.
        layer: The layer of the map; None is the model's first.
        method: The method of the map.
    """

    targets: tuple[Target, ...] = (-1,)
    level: Level = 1
    layer: str | None = None
    method: MapMethod = "grad-cam"


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image of a job.

    Attributes:
        path: Its name.
        content: The file's bytes; None if they could not be read.
        hash: SHA-256 of the bytes.
        error: The reason why they could not be read.
    """

    path: str
    content: bytes | memoryview | None
    hash: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image that was decoded.

    Attributes:
        file: The image.
        tensor: The model's input, without the batch.
        geometry: Its place on the image.
    """

    file: ImageFile
    tensor: npt.NDArray[Any]
    geometry: Geometry


def rows_of(
    explanation: Explanation, images: Sequence[PreparedImage], wish: Wish, versions: Mapping[str, Any]
) -> list[list[Row]]:
    """The rows of each image of a batch.

    Args:
        explanation: Of these images.
        images: The N images.
        wish: What was asked for.
        versions: The columns that say what made the rows.
    """
    targets = [explanation.explained(row) for row in range(len(explanation.class_index))]
    maps = _of_maps(explanation, images, wish)
    pixels = _of_pixels(explanation, wish)
    rows = [
        Row(
            path=images[image].file.path,
            hash=images[image].file.hash,
            class_index=target.index,
            label=printable(target.label),
            score=target.score,
            probability=target.probability,
            **of_map,
            **of_pixels,
            **versions,
        )
        for image, target, of_map, of_pixels in zip(
            map(explanation.image_of, range(len(targets))), targets, maps, pixels, strict=True
        )
    ]
    each = len(rows) // len(images)
    return [rows[start : start + each] for start in range(0, len(rows), each)]


def _of_maps(explanation: Explanation, images: Sequence[PreparedImage], wish: Wish) -> list[dict[str, Any]]:
    """The columns of each row's map; none at level 0."""
    if explanation.level == 0:
        return [{}] * len(explanation.class_index)
    maps = explanation.map(wish.method, wish.layer)
    named = {"method": wish.method, "layer": wish.layer or next(iter(explanation.activations))}
    placed = (images[explanation.image_of(row)].geometry for row in range(len(maps)))
    return [{**named, **_of_map(values, geometry)} for values, geometry in zip(maps, placed, strict=True)]


def _of_map(values: Floats, geometry: Geometry) -> dict[str, Any]:
    content, peak = packed(values)
    height, width = values.shape
    x, y = geometry.centre_of(divmod(int(values.argmax()), width), (width, height))
    return {
        "map": content,
        "map_height": height,
        "map_width": width,
        "peak": peak,
        "peak_x": x,
        "peak_y": y,
        "energy": float(values.sum(dtype=np.float64)),
    }


def _of_pixels(explanation: Explanation, wish: Wish) -> list[dict[str, Any]]:
    """The columns of each row's gradient at the input; none below level 2.

    A map is nowhere negative, so that the loudest channel is chosen before the product, of one channel in place of all.
    """
    if explanation.level < AT_INPUT:
        return [{}] * len(explanation.class_index)
    image, guided = explanation.metadata.image, explanation.metadata.input_gradient == "guided"
    gradient = explanation.guided_backprop() if guided else explanation.input_gradient()
    values = loudest_channel(gradient, image.channel_axis)
    if guided:
        values = values * cam.upsample(explanation.grad_cam(wish.layer), image.places)
    made = []
    for pixels in values:
        content, peak = packed(pixels)
        height, width = pixels.shape
        made.append({"pixels": content, "pixels_height": height, "pixels_width": width, "pixels_peak": peak})
    return made
