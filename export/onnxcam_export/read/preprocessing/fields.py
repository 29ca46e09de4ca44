"""The fields of a preprocessing, each checked for its type and range; whatever is wrong is said in one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NoReturn, get_args

from onnxcam.metadata import Interpolation, Preprocessing
from onnxcam.text import shown
from onnxcam_export.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Collection

    from onnxcam.metadata import ImageInput
    from onnxcam_export.read.preprocessing.customary import Size

FIELDS = ("resize", "crop", "interpolation", "scale", "mean", "std", "channel_order", "letterbox")
LISTED = f"{', '.join(FIELDS[:-1])} and {FIELDS[-1]}"
ORDERS = ("RGB", "BGR", "L")
# Pillow's numbers of its filters, which Hugging Face writes and torchvision takes.
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
# The range that metadata allows.
_WHITE = 255
_LARGEST, _SMALLEST_DIVISOR = 1e6, 1e-6


def checked(fields: Mapping[str, Any], image: ImageInput) -> Preprocessing:
    """All fields, checked one by one; whether the sizes fit the model is another question.

    Args:
        fields: A value for each of ``FIELDS``.
        image: The model's input.

    Raises:
        ExportError: A value is of another type, out of its range, or does not fit the model's channels.
    """
    return Preprocessing(
        resize=size("resize", fields["resize"]),
        crop=size("crop", fields["crop"]),
        interpolation=_named("interpolation", filter_name(fields["interpolation"]), get_args(Interpolation)),
        scale=_divisor("scale", fields["scale"], fields["scale"]),
        mean=per_channel("mean", fields["mean"], image.channels),
        std=tuple(_divisor("std", fields["std"], v) for v in per_channel("std", fields["std"], image.channels)),
        channel_order=_order(fields["channel_order"], image.channels),
        assumed=bool(fields.get("assumed", False)),
        letterbox=_grey(fields.get("letterbox")),
    )


def check_names(fields: Mapping[Any, Any]) -> None:
    """Refuses fields that there are not.

    Raises:
        ExportError: The message has the names that there are.
    """
    for name in fields:
        if name not in {*FIELDS, "assumed"}:
            hint = _near(str(name), FIELDS)
            raise ExportError(f"the preprocessing has an unknown field: {shown(name)}{hint}; its fields are {LISTED}")


def _near(text: str, names: Mapping[str, Any] | Collection[str]) -> str:
    """A hint at the name that is spelt most alike; in a mapping, at what it stands for."""
    near = difflib.get_close_matches(text, names, n=1)
    meant = names[near[0]] if near and isinstance(names, Mapping) else "".join(near)
    return f" (did you mean {meant!r}?)" if near else ""


def filter_name(given: Any) -> Any:
    """Pillow's filter as metadata calls it, from a name, a number, or torchvision's ``InterpolationMode``."""
    name = getattr(given, "value", given)
    if name == "nearest-exact":  # torchvision's name for Pillow's own rounding
        return "nearest"
    return _FILTERS.get(name, name) if isinstance(name, int) and not isinstance(name, bool) else name


def refuse(field: str, value: Any, advice: str) -> NoReturn:
    """One sentence with the argument, the field, its value, and what to do."""
    raise ExportError(f"the preprocessing's {field} is {shown(value)}{advice}")


def size(field: str, value: Any) -> Size:
    """Pixels of the shorter side, or (height, width).

    Raises:
        ExportError: The value of ``resize`` or ``crop`` is neither.
    """
    if value is None or is_side(value):
        return None if value is None else int(value)
    if isinstance(value, Sequence) and len(value) == 2 and all(map(is_side, value)):
        return int(value[0]), int(value[1])
    side = "the shorter side" if field == "resize" else "the side of a square"
    refuse(field, value, f"; give {side} in pixels, a whole number from 1, or (height, width)")


def _grey(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, Integral) and not isinstance(value, bool) and 0 <= int(value) <= _WHITE:
        return int(value)
    refuse("letterbox", value, f"; give the grey level around the image, a whole number from 0 to {_WHITE}")


def is_side(value: Any) -> bool:
    """Whether it is a number of pixels."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def _named(field: str, value: Any, names: Collection[str]) -> Any:
    if isinstance(value, str) and value in names:
        return value
    cased = {name.lower(): name for name in names}
    refuse(field, value, f"{_near(str(value).lower(), cased)}; give one of {', '.join(names)}")


def _order(value: Any, channels: int) -> Any:
    order = _named("channel_order", value, ORDERS)
    if channels == 1 and order == "BGR":
        refuse("channel_order", order, ", and the model takes one channel; give 'L'")
    if channels not in {1, 3} and order != "L":
        refuse(
            "channel_order",
            order,
            f", and the model takes {channels} channels; leave preprocessing out and give the model tensors, or give "
            "'L' for the same grey image in every channel",
        )
    return "L" if channels == 1 else order


def per_channel(field: str, given: Any, channels: int) -> tuple[float, ...]:
    """One number for each channel.

    Raises:
        ExportError: They are of another number, no numbers, or out of range.
    """
    values = given.tolist() if hasattr(given, "tolist") else given
    one_each = (
        f"one number for each of the model's {channels} channels"
        if channels > 1
        else "one number in a list for the model's 1 channel"
    )
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        refuse(field, given, f"; give {one_each}")
    if len(values) != channels:
        refuse(field, given, f", {len(values)} values; give {one_each}")
    return tuple(number(field, given, value) for value in values)


def number(field: str, given: Any, value: Any) -> float:
    """A number of the range that metadata allows.

    Args:
        field: Its name, for the message.
        given: All numbers of the field.
        value: The number.

    Raises:
        ExportError: It is none, or out of range.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not abs(value) <= _LARGEST:  # NaN is not
        refuse(field, given, f"; give numbers between {-_LARGEST:.0f} and {_LARGEST:.0f}")
    return float(value)


def _divisor(field: str, given: Any, value: Any) -> float:
    divisor = number(field, given, value)
    if abs(divisor) < _SMALLEST_DIVISOR:
        refuse(field, given, ", which makes every image alike; give numbers that are not 0")
    return divisor
