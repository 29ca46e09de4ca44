"""Draws signals and volumes as planes: a signal as lines with its map under them, a volume as three slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from onnxcam import cam

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cam import Floats

    Array = npt.NDArray[Any]

_SIGNAL, _IMAGE, _VOLUME = 1, 2, 3

# The plot of a signal, in pixels: a band for each channel, on white.
_WIDTH, _LOWEST_BAND, _HIGHEST_BAND, _HIGHEST = 640, 24, 240, 1600
_MOST_BANDS = _HIGHEST // _LOWEST_BAND
_INK, _PAPER = (28, 28, 34), (255, 255, 255)


def plane_of_map(values: Floats, places: Sequence[int]) -> Floats:
    """Makes a plane of a map.

    Args:
        values: [l], [h, w] or [d, h, w].
        places: The input's sizes along the same axes.

    Returns:
        [1, l] of a signal, the map itself of an image, and the slices of the upsampled map of a volume.
    """
    if values.ndim == _SIGNAL:
        return values[None]
    if values.ndim == _VOLUME:
        large = cam.upsample(values[None].astype(np.float32), places)[0]
        return middle_slices(large, fill=float(large.min()))
    return values


def plane_of_gradient(values: Floats) -> Floats:
    """Makes a plane of a gradient at the input.

    Args:
        values: [L, C], [H, W, C] or [D, H, W, C].

    Returns:
        [C, L, 1] of a signal, a row for each channel; [H, W, C] of an image, and the slices of a volume.
    """
    rank = values.ndim - 1
    if rank == _SIGNAL:
        return values.T[..., None]
    return middle_slices(values) if rank == _VOLUME else values


def picture_of(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """Draws an input.

    Args:
        pixels: [L, C], [H, W, C] or [D, H, W, C].

    Returns:
        RGB: the lines of a signal, the image itself, or the slices of a volume. Images and volumes of neither one
        channel nor three are drawn in grey, as the mean over their channels.
    """
    rank = pixels.ndim - 1
    if rank == _SIGNAL:
        return _lines(pixels.T)
    plane = middle_slices(pixels) if rank == _VOLUME else pixels
    channels = plane.shape[-1]
    if channels == 3:
        return Image.fromarray(np.ascontiguousarray(plane))
    grey = plane[..., 0] if channels == 1 else np.rint(plane.mean(axis=-1)).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(grey)).convert("RGB")


def middle_slices(volume: Array, fill: float = 0) -> Array:
    """The middle slices across the first, the second and the third axis, side by side.

    Args:
        volume: [D, H, W, …].
        fill: The value below slices that are less high than others.

    Returns:
        [max(D, H), W + W + H, …]: the slices [H, W], [D, W] and [D, H].
    """
    slices = [volume.take(volume.shape[axis] // 2, axis=axis) for axis in range(_VOLUME)]
    height = max(len(one) for one in slices)
    tall = [np.pad(one, [(0, height - len(one)), *[(0, 0)] * (one.ndim - 1)], constant_values=fill) for one in slices]
    return np.concatenate(tall, axis=1)


def _lines(signal: npt.NDArray[np.uint8]) -> Image.Image:
    """Plots a signal, [C, L] with values up to 255: a line for each channel, or for their mean if they are too many."""
    bands = signal if len(signal) <= _MOST_BANDS else signal.mean(axis=0, keepdims=True)
    band = min(_HIGHEST_BAND, max(_LOWEST_BAND, _HIGHEST // (4 * len(bands))))
    picture = Image.new("RGB", (_WIDTH, band * len(bands)), _PAPER)
    pen = ImageDraw.Draw(picture)
    across = (np.arange(bands.shape[1]) + 0.5) * _WIDTH / bands.shape[1]
    for index, values in enumerate(bands):
        down = band * (index + 0.1 + 0.8 * (1 - values / 255))
        pen.line(list(zip(across.tolist(), down.tolist(), strict=True)), _INK, width=2, joint="curve")
    return picture
