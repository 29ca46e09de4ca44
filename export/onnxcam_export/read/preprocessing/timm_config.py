"""timm's data configuration: the result of ``timm.data.resolve_data_config``, or a model's ``pretrained_cfg``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxcam.text import shown
from onnxcam_export.errors import ExportError
from onnxcam_export.read.preprocessing.fields import LISTED, is_side, number

if TYPE_CHECKING:
    from collections.abc import Mapping

# timm's own defaults.
_DEFAULTS = {
    "crop_pct": 0.875,
    "crop_mode": "center",
    "interpolation": "bicubic",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}


def is_config(given: Mapping[Any, Any]) -> bool:
    """Whether these are timm's names."""
    return "input_size" in given


def translated(config: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields that compute what ``timm.data.create_transform`` makes of the configuration for evaluation.

    Args:
        config: Its ``input_size`` is [C, H, W]; a name that is missing or None has timm's own default.

    Raises:
        ExportError: It keeps an image's proportions in a way that resize and crop cannot.
    """
    options = {name: default if config.get(name) is None else config[name] for name, default in _DEFAULTS.items()}
    _, height, width = _input_size(config["input_size"])
    share = number("crop_pct", options["crop_pct"], options["crop_pct"])
    if not 1e-3 <= share <= 10:
        raise ExportError(f"the preprocessing's crop_pct is {share}; timm's is a share such as 0.875")
    resized = (int(height / share), int(width / share))
    mode = options["crop_mode"]
    if mode not in ("center", "squash") or (mode == "center" and resized[0] != resized[1]):
        raise ExportError(
            f"the preprocessing's crop_mode is {shown(mode)}, which at {height} x {width} has no counterpart in resize "
            f"and crop; give the fields {LISTED}"
        )
    return {
        "resize": resized[0] if mode == "center" else resized,
        "crop": height if height == width else (height, width),
        "interpolation": options["interpolation"],
        "scale": 1 / 255,
        "mean": options["mean"],
        "std": options["std"],
        "channel_order": "RGB",
    }


def _input_size(given: Any) -> tuple[int, int, int]:
    if isinstance(given, (list, tuple)) and len(given) == 3 and all(is_side(size) and size <= 2**20 for size in given):
        return given[0], given[1], given[2]
    raise ExportError(f"the preprocessing's input_size is {shown(given)}; timm's has channels, height and width")
