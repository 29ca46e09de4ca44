"""The columns of a table of explanations: a row for each image and explained target.

They are numbers, texts and bytes, so that any reader of Parquet takes them. An array is little-endian float16, scaled
so that its largest magnitude is 1, beside its height, its width and that magnitude::

    numpy.frombuffer(row["map"], "<f2").reshape(row["map_height"], row["map_width"]) * row["peak"]
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

# The column that identifies an image, so that a job which was interrupted knows what is done.
ID: Final = "path"

_TYPES = {"str": "string", "bytes": "binary", "int": "int64", "float": "float32"}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; a field is None where there is no such value.

    Attributes:
        path: The image, as it was named.
        hash: SHA-256 of the image file, in hexadecimal.
        class_index: The explained class; -1 of a scalar that is no class.
        label: Its label, or the scalar's description.
        score: Its score before any softmax or sigmoid; the scalar's value.
        probability: The score after the model's own softmax or sigmoid.
        method: The method of the map.
        layer: The layer of the map.
        map: The map over its peak, [map_height, map_width].
        map_height: Its height.
        map_width: Its width.
        peak: The largest value of the map.
        peak_x: The centre of the cell with that value, in pixels of the upright image.
        peak_y: Likewise, from the top.
        energy: The sum of the map's values; the share of a region is its own sum divided by this.
        pixels: At level 2, Guided Grad-CAM, or the model's other gradient at the input: at each pixel the channel of
            largest magnitude, over ``pixels_peak``.
        pixels_height: Its height: the input's.
        pixels_width: Its width.
        pixels_peak: Its largest magnitude.
        model: SHA-256 of the model file.
        onnxcam: The version of onnxcam.
        onnxruntime: The version of ONNX Runtime.
        error: The reason why the image was not explained. All but path, hash and versions are then None.
    """

    path: str
    hash: str | None = None
    class_index: int | None = None
    label: str | None = None
    score: float | None = None
    probability: float | None = None
    method: str | None = None
    layer: str | None = None
    map: bytes | None = None
    map_height: int | None = None
    map_width: int | None = None
    peak: float | None = None
    peak_x: float | None = None
    peak_y: float | None = None
    energy: float | None = None
    pixels: bytes | None = None
    pixels_height: int | None = None
    pixels_width: int | None = None
    pixels_peak: float | None = None
    model: str | None = None
    onnxcam: str | None = None
    onnxruntime: str | None = None
    error: str | None = None


# The names of the columns, and their types in Arrow.
COLUMNS: Final = {field.name: _TYPES[str(field.type).partition(" ")[0]] for field in fields(Row)}
