"""Checks that resize and crop give the model's height and width, and suggests sizes that do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxcam_export.errors import ExportError
from onnxcam_export.read.preprocessing.customary import Size, customary_sizes
from onnxcam_export.read.preprocessing.fields import refuse, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxcam.metadata import ImageInput, Preprocessing

# The limit that metadata has, for an image that costs no more memory than the model.
LARGEST_RESIZE = 2**13


def check_sizes(steps: Preprocessing, image: ImageInput) -> None:
    """Refuses sizes that do not give the model's for every image.

    Raises:
        ExportError: The message has sizes that do.
    """
    wanted, takes = (image.height, image.width), f"the model takes {image.height} x {image.width} (height x width)"
    if steps.letterbox is not None and (steps.resize is not None or steps.crop is None):
        advice = f"; give crop={_crop_to(image)} and no resize with it, since the whole image is made to fit it"
        refuse("letterbox", steps.letterbox, advice)
    if steps.resize is not None and max(_pair(steps.resize)) > max(LARGEST_RESIZE, 2 * max(wanted)):
        refuse("resize", steps.resize, f", and {takes}; give {_advice(image)}")
    if steps.crop is not None and _pair(steps.crop) != wanted:
        own = "x".join(map(str, (image.channels, *_pair(steps.crop))))
        advice = f"give crop={_crop_to(image)}, or export with the input_shape (--input-size) {own}"
        refuse("crop", steps.crop, f", and {takes}; {advice}")
    if steps.crop is None and steps.resize != wanted:
        has = "no resize and no crop" if steps.resize is None else f"resize {steps.resize} and no crop"
        raise ExportError(f"the preprocessing has {has}, and {takes}; give {_advice(image)}")


def pads(steps: Preprocessing) -> bool:
    """Whether some image comes out smaller than the crop, and black surrounds it."""
    if steps.resize is None or steps.crop is None:
        return False
    crop = _pair(steps.crop)
    if isinstance(steps.resize, int):
        return steps.resize < max(crop)
    return steps.resize[0] < crop[0] or steps.resize[1] < crop[1]


def fitted(given: Mapping[str, Any], image: ImageInput) -> tuple[dict[str, Any], str | None]:
    """Another library's resize and crop, and a note where a step was added.

    Such a library may make tensors of any size. The model takes one, so an image that comes out in another size is
    stretched or cropped to it. One that has the model's size already is left alone.

    Args:
        given: Its fields; resize and crop may be missing.
        image: The model's input.

    Raises:
        ExportError: One of both is no size.
    """
    resize, crop = (size(name, given.get(name)) for name in ("resize", "crop"))
    note = None
    if resize is None and crop is None:
        resize = (image.height, image.width)
        note = f"the given steps do not resize, so images are stretched to {image.height} x {image.width}"
    elif crop is None and resize == min(image.height, image.width):
        crop = _crop_to(image)
        note = f"the given steps do not crop, so what is not {image.height} x {image.width} afterwards is cropped to it"
    return {**given, "resize": resize, "crop": crop}, note


def _crop_to(image: ImageInput) -> Size:
    return image.height if image.height == image.width else (image.height, image.width)


def _pair(side: int | tuple[int, int]) -> tuple[int, int]:
    return (side, side) if isinstance(side, int) else side


def _advice(image: ImageInput) -> str:
    """Sizes that work: the customary ones."""
    resize, crop = customary_sizes(image)
    stretched = f"resize={(image.height, image.width)}"
    return stretched if crop is None else f"resize={resize} and crop={crop}, or {stretched} to stretch it"
