"""The preprocessing in one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxcam.metadata import Preprocessing


def in_words(steps: Preprocessing | None) -> str:
    """How an image becomes the input, e.g. ``resize 256 bilinear, crop 224, RGB, scale 0.003922, mean …, std …``."""
    if steps is None:
        return "not taken: exported without preprocessing"
    resize = "" if steps.resize is None else f"resize {steps.resize} {steps.interpolation}, "
    crop = "" if steps.crop is None else f"crop {steps.crop}, "
    if steps.letterbox is not None:
        crop = f"whole in {steps.crop} {steps.interpolation}, grey {steps.letterbox} around it, "
    mean, std = (" ".join(f"{value:.4g}" for value in values) for values in (steps.mean, steps.std))
    assumed = " (assumed)" if steps.assumed else ""
    return f"{resize}{crop}{steps.channel_order}, scale {steps.scale:.4g}, mean {mean}, std {std}{assumed}"
