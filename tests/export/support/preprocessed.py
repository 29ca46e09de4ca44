"""The runtime's tensor of an image, for comparing it with other libraries' own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from onnxcam.metadata import ImageInput
from onnxcam.photograph.preprocessing import preprocess
from onnxcam_export.read.preprocessing.given import checked_preprocessing

if TYPE_CHECKING:
    from onnxcam.metadata import Preprocessing


def image_input(channels: int = 3, height: int = 224, width: int | None = None, dtype: str = "float32") -> ImageInput:
    return ImageInput("image", "NCHW", channels, height, width or height, dtype)


def photograph(width: int = 350, height: int = 260) -> Image.Image:
    """Coarse and fine structure, with black and white in it."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((width, height))
    noise = rng.integers(-60, 60, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(coarse, np.int64) + noise, 0, 255).astype(np.uint8))


def by_the_runtime(picture: Image.Image, given: Any, image: ImageInput) -> Any:
    """[C, H, W], by the steps that ``given`` is translated to."""
    steps = checked_preprocessing(given, image).steps
    return by_steps(picture, steps, image)


def by_steps(picture: Image.Image, steps: Preprocessing | None, image: ImageInput) -> Any:
    opened: Any = SimpleNamespace(image=picture, size=picture.size)
    metadata: Any = SimpleNamespace(image=image, preprocessing=steps)
    return preprocess(opened, metadata)[0]
