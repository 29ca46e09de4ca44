"""Maps that explain nothing, and that an explanation must beat: uniform, centre Gaussian, random, an edge detector."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from onnxcam import cam

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxcam.cam import Floats


def uniform(image: Floats) -> Floats:
    """One everywhere. Curves then go in the order of reading, from the top left.

    Args:
        image: [C, H, W].

    Returns:
        [H, W].
    """
    return np.ones(image.shape[1:], np.float32)


def centre_gaussian(image: Floats) -> Floats:
    """A Gaussian in the middle, whose deviation is a fourth of each side: what photographers centre.

    Args:
        image: [C, H, W].

    Returns:
        [H, W], from 0 to 1.
    """
    rows, columns = (np.exp(-8 * ((np.arange(side) + 0.5) / side - 0.5) ** 2) for side in image.shape[1:])
    scaled: Floats = cam.normalise(np.outer(rows, columns)[None].astype(np.float32))[0]
    return scaled


def random(image: Floats) -> Floats:
    """Independent numbers between 0 and 1, the same in every run of the same image.

    Args:
        image: [C, H, W].

    Returns:
        [H, W].
    """
    seed = zlib.crc32(np.ascontiguousarray(image).tobytes())
    return np.random.default_rng(seed).random(image.shape[1:], np.float32)


def edges(image: Floats) -> Floats:
    """The magnitude of Sobel's gradient of the mean over the channels: structure that no model was asked about.

    Args:
        image: [C, H, W].

    Returns:
        [H, W], from 0 to 1.
    """
    grey = np.pad(image.mean(axis=0, dtype=np.float32), 1, mode="edge")
    down, across = grey[2:] - grey[:-2], grey[:, 2:] - grey[:, :-2]
    down = down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]
    across = across[:-2] + 2 * across[1:-1] + across[2:]
    scaled: Floats = cam.normalise(np.hypot(down, across)[None])[0]
    return scaled


BASELINES: dict[str, Callable[[Floats], Floats]] = {
    "uniform": uniform,
    "centre-gaussian": centre_gaussian,
    "random": random,
    "edges": edges,
}
