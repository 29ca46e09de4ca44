"""Turns an image into the model's input, by the preprocessing in the metadata, and back for drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from onnxcam.errors import ModelError
from onnxcam.photograph.geometry import Geometry, geometry

if TYPE_CHECKING:
    from onnxcam.metadata import ImageInput, Metadata, Preprocessing
    from onnxcam.photograph.opening import Picture

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}

# Pixels: 64 MB. Only large inputs and very long images would be resized to more, and the crop keeps a small part of it.
_LARGEST_RESIZED = 2**24


def preprocess(picture: Picture, metadata: Metadata) -> tuple[npt.NDArray[Any], Geometry]:
    """Turns an image into one row of the model's input: resize, centre crop, ``(pixel * scale - mean) / std``.

    Args:
        picture: The image, upright and in RGB.
        metadata: The model's metadata.

    Returns:
        The input without the batch, in the model's layout and type, and its position on the image.

    Raises:
        ModelError: The model has no preprocessing, or its preprocessing does not give the input's size.
    """
    steps = required(metadata)
    placed = geometry(picture.size, steps)
    if placed.size != (metadata.image.width, metadata.image.height):
        raise ModelError(
            f"the model takes {metadata.image.width} by {metadata.image.height} pixels, but its preprocessing makes "
            f"{placed.size[0]} by {placed.size[1]} of this image; export it again with a crop of the input's size"
        )
    return _to_input(_square(picture.image, placed, steps), metadata.image, steps), placed


def required(metadata: Metadata) -> Preprocessing:
    """The model's preprocessing.

    Raises:
        ModelError: It has none, or takes no images.
    """
    if not metadata.image.is_picture:
        raise ModelError(f"the model takes a {metadata.image.kind}, not images; give tensors to Explainer.run")
    if metadata.preprocessing is None:
        raise ModelError(
            "the model was exported without preprocessing, so it cannot take images; export it with preprocessing, "
            "or give tensors to Explainer.run"
        )
    return metadata.preprocessing


def needed_shorter_side(metadata: Metadata) -> int:
    """The pixels that the shorter side must have, so that preprocessing loses nothing."""
    steps = required(metadata)
    resize = steps.resize
    if steps.letterbox is not None:
        return max(metadata.image.height, metadata.image.width)
    if resize is None:
        # Nothing is resized: the crop takes the image's own pixels, so it must be decoded in full.
        return 2**31
    return resize if isinstance(resize, int) else max(resize)


def to_pixels(rows: npt.NDArray[Any], metadata: Metadata) -> npt.NDArray[np.uint8]:
    """Turns the model's input back into pixels, for drawing an explanation that has no image.

    Args:
        rows: [M, *image.shape].
        metadata: The model's metadata. Without preprocessing, each row's own range becomes black to white.

    Returns:
        [M, *places, C], in RGB order.
    """
    values = rows.astype(np.float32)
    steps = metadata.preprocessing
    if steps is not None:
        shape = _per_channel(metadata.image)
        mean, std = (np.array(value, np.float32).reshape(shape) for value in (steps.mean, steps.std))
        values = (values * std + mean) / steps.scale
    else:
        axes = tuple(range(1, values.ndim))
        low = values.min(axis=axes, keepdims=True)
        extent = values.max(axis=axes, keepdims=True) - low
        values = 255 * np.divide(values - low, extent, out=np.zeros_like(values), where=extent > 0)
    pixels: npt.NDArray[np.uint8] = np.clip(np.rint(channels_last(values, metadata)), 0, 255).astype(np.uint8)
    return pixels


def channels_last(rows: npt.NDArray[Any], metadata: Metadata) -> npt.NDArray[Any]:
    """Brings inputs from the model's layout and channel order to [M, *places, C], in RGB order.

    Args:
        rows: [M, *image.shape].
        metadata: The model's metadata.

    Returns:
        A view of ``rows``.
    """
    axis = metadata.image.channel_axis
    moved = rows[..., None] if axis is None else np.moveaxis(rows, axis, -1)
    is_bgr = metadata.preprocessing is not None and metadata.preprocessing.channel_order == "BGR"
    return moved[..., ::-1] if is_bgr else moved


def _square(image: Image.Image, placed: Geometry, steps: Preprocessing) -> Image.Image:
    """Resizes and crops. ``crop`` pads with black outside the image, a letterbox with its grey."""
    resampling = _FILTERS[steps.interpolation]
    if steps.letterbox is not None:
        canvas = Image.new("RGB", placed.size, (steps.letterbox,) * 3)
        canvas.paste(image.resize(placed.resized, resampling), (-placed.crop[0], -placed.crop[1]))
        return canvas
    if placed.resized[0] * placed.resized[1] > _LARGEST_RESIZED:
        return _square_alone(image, placed, resampling)
    resized = image
    if image.size != placed.resized:
        resized = image.resize(placed.resized, resampling)
    return resized if placed.crop == (0, 0, *placed.resized) else resized.crop(placed.crop)


def _square_alone(image: Image.Image, placed: Geometry, resampling: Image.Resampling) -> Image.Image:
    """Resizes only the part that the crop keeps; some pixels differ by a grey level or two.

    Pillow rounds the box to single precision, and may filter columns and rows in another order.
    """
    left, top, right, bottom = placed.crop
    width, height = placed.resized
    seen = (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
    across, down = image.width / width, image.height / height
    box = (seen[0] * across, seen[1] * down, min(seen[2] * across, image.width), min(seen[3] * down, image.height))
    part = image.resize((seen[2] - seen[0], seen[3] - seen[1]), resampling, box)
    return part.crop((left - seen[0], top - seen[1], right - seen[0], bottom - seen[1]))


def _to_input(square: Image.Image, image: ImageInput, steps: Preprocessing) -> npt.NDArray[Any]:
    grey = image.channels == 1 or steps.channel_order == "L"
    pixels = np.asarray(square.convert("L") if grey else square, np.float32)
    if grey:
        pixels = np.broadcast_to(pixels[:, :, None], (*pixels.shape, image.channels))
    elif steps.channel_order == "BGR":
        pixels = pixels[:, :, ::-1]
    # Channels first, a plane of them at a time is computed four times faster than pixels of three.
    if image.channel_axis == 1:
        pixels = np.ascontiguousarray(np.moveaxis(pixels, 2, 0))
    mean, std = (np.array(value, np.float32).reshape(_per_channel(image)) for value in (steps.mean, steps.std))
    values = (pixels * np.float32(steps.scale) - mean) / std
    if image.channel_axis is None:
        values = values[..., 0]
    if image.dtype == "uint8":
        values = np.clip(np.rint(values), 0, 255)
    return np.ascontiguousarray(values, image.dtype)


def _per_channel(image: ImageInput) -> tuple[int, ...]:
    """The shape that lets one value for each channel broadcast over the input."""
    return (-1, *[1] * len(image.places)) if image.channel_axis == 1 else (-1,)
