"""Hugging Face's image processors, by what their ``preprocessor_config.json`` says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from onnxcam.text import shown
from onnxcam_export.errors import ExportError
from onnxcam_export.read.preprocessing.fields import LISTED, filter_name, is_side, number, per_channel, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxcam_export.read.preprocessing.customary import Size

CROP_NOTE = (
    "Hugging Face rounds the place of a crop down where torchvision and onnxcam round it to even: of an image whose "
    "margin is odd, it can lie one pixel further"
)

_NAMES = {"image_processor_type", "feature_extractor_type", "image_mean", "do_resize", "do_rescale", "do_normalize"}
_HARMLESS = {"do_convert_rgb", "do_reduce_labels"}
_STEPS = {"do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_flip_channel_order"}
# The processors that do these steps in this order. A size of one number is the shorter side, or both sides.
_SHORTER_SIDE = {"Bit", "CLIP", "ChineseCLIP", "ConvNext", "MobileNetV1", "MobileNetV2", "MobileViT"}
_SQUARE = {"Beit", "Blip", "DeiT", "EfficientNet", "Siglip", "ViT"}


def is_config(given: Mapping[Any, Any]) -> bool:
    """Whether these are Hugging Face's names."""
    return any(name in given for name in _NAMES)


def translated(config: Mapping[Any, Any], channels: int) -> dict[str, Any]:
    """The fields that compute what the image processor computes.

    Args:
        config: As in ``preprocessor_config.json``.
        channels: The model's.

    Returns:
        All fields but those of a resize or crop that is not there.

    Raises:
        ExportError: It has a step without a counterpart, or leaves open which one it has.
    """
    kind = _kind(config)
    for name, value in config.items():
        if str(name).startswith("do_") and value and name not in _STEPS | _HARMLESS:
            raise _refusal(name, value, "a step that has no counterpart")
    sizes = _convnext_sizes(config) if kind == "ConvNext" else _sizes(config, kind)
    return {
        **sizes,
        "scale": config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0,
        **_normalisation(config, kind, channels),
        "channel_order": "BGR" if config.get("do_flip_channel_order", kind == "MobileViT") else "RGB",
    }


def may_crop_elsewhere(fields: Mapping[str, Any]) -> bool:
    """Whether the margin of a crop can be odd; ``CROP_NOTE`` then holds."""
    resize, crop = fields["resize"], fields["crop"]
    if crop is None or not isinstance(resize, tuple):
        return crop is not None
    height, width = (crop, crop) if isinstance(crop, int) else crop
    return bool((resize[0] - height) % 2 or (resize[1] - width) % 2)


def _kind(config: Mapping[Any, Any]) -> str | None:
    """The processor's name without ``ImageProcessor`` and what it runs on; None where the file has none."""
    given = config.get("image_processor_type") or config.get("feature_extractor_type")
    if given is None:
        return None
    kind = re.sub(r"(ImageProcessor|FeatureExtractor)(Fast|Pil)?$", "", str(given))
    if kind not in _SHORTER_SIDE | _SQUARE:
        raise _refusal("image_processor_type", given, "whose steps onnxcam does not know")
    return kind


def _sizes(config: Mapping[Any, Any], kind: str | None) -> dict[str, Any]:
    if "crop_pct" in config:
        raise _refusal("crop_pct", config["crop_pct"], "which without an image_processor_type can mean several things")
    found: dict[str, Any] = {"interpolation": "bilinear"}
    if config.get("do_resize", True):
        found |= {"resize": _resize(config.get("size"), kind), "interpolation": _filter(config)}
    if config.get("do_center_crop", "crop_size" in config):
        found["crop"] = _crop(config.get("crop_size"))
    return found


def _convnext_sizes(config: Mapping[Any, Any]) -> dict[str, Any]:
    """A crop out of a somewhat larger image, and from 384 pixels on the whole image, stretched."""
    if not config.get("do_resize", True):
        return {"interpolation": "bilinear"}
    side = _resize(config.get("size"), "ConvNext")
    if not isinstance(side, int):
        raise _refusal("size", config.get("size"), "where ConvNext has a shortest_edge")
    share = number("crop_pct", config.get("crop_pct"), config.get("crop_pct") or 224 / 256)
    if not 1e-3 <= share <= 10:
        raise _refusal("crop_pct", share, "where a share such as 0.875 is needed")
    sizes: dict[str, Size] = {"resize": int(side / share), "crop": side} if side < 384 else {"resize": (side, side)}
    return {**sizes, "interpolation": _filter(config)}


def _resize(sides: Any, kind: str | None) -> Size:
    """The shorter side, or (height, width)."""
    if is_side(sides) and kind is not None:
        return size("size", sides if kind in _SHORTER_SIDE else (sides, sides))
    given = {name: side for name, side in sides.items() if side is not None} if isinstance(sides, dict) else {}
    if given.keys() == {"height", "width"}:
        return size("size", (given["height"], given["width"]))
    if given.keys() == {"shortest_edge"}:
        return size("size", given["shortest_edge"])
    raise _refusal("size", sides, "which is neither height and width nor a shortest_edge alone")


def _crop(sides: Any) -> Size:
    if is_side(sides):
        return size("crop_size", sides)
    if isinstance(sides, dict) and {"height", "width"} <= sides.keys():
        height, width = sides["height"], sides["width"]
        return size("crop_size", height if height == width else (height, width))
    raise _refusal("crop_size", sides, "which is not height and width")


def _filter(config: Mapping[Any, Any]) -> Any:
    if config.get("resample") is None:
        raise _refusal("resample", None, "and without it the filter is not known")
    return filter_name(config["resample"])


def _normalisation(config: Mapping[Any, Any], kind: str | None, channels: int) -> dict[str, tuple[float, ...]]:
    """``(x - mean) / std``; EfficientNet may subtract 1 first, and divide by std once more afterwards."""
    mean, std = (0.0,) * channels, (1.0,) * channels
    if config.get("do_normalize", "image_mean" in config):
        mean, std = _each(config, "image_mean", channels), _each(config, "image_std", channels)
    if kind == "EfficientNet" and config.get("rescale_offset"):
        mean = tuple(value + 1 for value in mean)
    if kind == "EfficientNet" and config.get("include_top", True):
        std = tuple(a * b for a, b in zip(std, _each(config, "image_std", channels), strict=True))
    return {"mean": mean, "std": std}


def _each(config: Mapping[Any, Any], name: str, channels: int) -> tuple[float, ...]:
    if config.get(name) is None:
        raise _refusal(name, None, "and this processor normalises")
    return per_channel(name, config[name], channels)


def _refusal(name: str, value: Any, why: str) -> ExportError:
    return ExportError(f"the preprocessing's {name} is {shown(value)}, {why}; give the fields {LISTED} in its place")
