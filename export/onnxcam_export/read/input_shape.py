"""The shape of a module's image: the user's, or the one that the module states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onnxcam.text import shown
from onnxcam_export.errors import ShapeError
from onnxcam_export.read.preprocessing.fields import is_side

if TYPE_CHECKING:
    from collections.abc import Iterator

Shape = tuple[int, ...]

_USUAL_SIDE = 224
# The most values that metadata allows an image.
_MOST_VALUES = 2**28


def module_shape(module: Any, given: Any) -> tuple[Shape, str | None]:
    """[C, H, W], and a note for the report if nobody said it.

    Args:
        module: A ``torch.nn.Module``.
        given: The user's ``input_shape``, [N, C, H, W] or [C, H, W], or None.

    Raises:
        ShapeError: The shape has another form.
    """
    if given is not None:
        sizes = check_shape(given)
        if len(sizes) < 3:
            example = (channels_of(module), sizes[0], sizes[-1])
            raise ShapeError(
                f"input_shape (--input-size) is {shown(given)}, and a module needs channels, height and width; give "
                f"{example}, or {'x'.join(map(str, example))} on the command line"
            )
        return sizes, None
    stated = stated_shape(module)
    if stated is not None:
        return stated, None
    usual = (channels_of(module), _USUAL_SIDE, _USUAL_SIDE)
    return usual, (
        f"the module states no input size, so {' x '.join(map(str, usual))} was taken; give input_shape "
        "(--input-size) if it was trained at another"
    )


def stated_shape(module: Any) -> Shape | None:
    """[C, H, W] as timm or Hugging Face note it on their models, also on one inside a wrapper; else None."""
    return next((shape for part in module.modules() for shape in _stated(part)), None)


def channels_of(module: Any) -> int:
    """The channels that the module states, or else those of its first convolution."""
    stated = stated_shape(module)
    if stated is not None:
        return stated[0]
    first = (part.in_channels for part in module.modules() if is_side(getattr(part, "in_channels", None)))
    return next(first, 3)


def check_shape(given: Any) -> Shape:
    """The sizes without the batch of [N, C, H, W].

    Raises:
        ShapeError: They are no whole numbers from 1 on, or too large.
    """
    sizes = list(given) if isinstance(given, Sequence) and not isinstance(given, (str, bytes)) else [given]
    if len(sizes) == 4:
        sizes = sizes[1:]
    if not 1 <= len(sizes) <= 3 or not all(map(is_side, sizes)) or math.prod(sizes) > _MOST_VALUES:
        raise ShapeError(
            f"input_shape (--input-size) is {shown(given)}; give channels, height and width in whole numbers, such as "
            f"(3, 224, 224), together at most {_MOST_VALUES} values"
        )
    return tuple(int(size) for size in sizes)


def _stated(part: Any) -> Iterator[Shape]:
    for name in ("pretrained_cfg", "default_cfg"):
        config = getattr(part, name, None)
        size = config.get("input_size") if isinstance(config, Mapping) else getattr(config, "input_size", None)
        if isinstance(size, (tuple, list)) and len(size) == 3 and all(map(is_side, size)):
            yield tuple(size)
    config = getattr(part, "config", None)
    size = getattr(config, "image_size", None)
    sides = [size, size] if is_side(size) else size
    if isinstance(sides, (tuple, list)) and len(sides) == 2 and all(map(is_side, sides)):
        yield getattr(config, "num_channels", 3), *sides
