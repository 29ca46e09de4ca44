"""Reads untrusted JSON into a dataclass: every field has its type and lies in its range, or there is one error.

The ranges are wide enough for every real network, and narrow enough that no field makes a reader allocate much memory.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

_T = TypeVar("_T")

LONGEST = 2**24  # of the whole text; ImageNet-21k's labels take half a million characters

Count = Annotated[int, Meta(ge=1, le=2**24)]
Side = Annotated[int, Meta(ge=1, le=2**16)]  # of an image or a map, in pixels
Name = Annotated[str, Meta(min_length=1, max_length=1000)]
Words = Annotated[str, Meta(max_length=10_000)]
PixelValue = Annotated[float, Meta(ge=-1e6, le=1e6)]
RelativeError = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Correlation = Annotated[float, Meta(ge=-1, le=1)]


class InvalidJsonError(ValueError):
    """The text is not such JSON; the message says where and why."""


def decoded(text: str | bytes, kind: type[_T]) -> _T:
    """Reads JSON; fields that the dataclass does not have are ignored.

    Args:
        text: JSON in UTF-8. NaN and infinity are not JSON.
        kind: A dataclass whose annotations give the types and ranges that are allowed.

    Raises:
        InvalidJsonError: It is not JSON, or a field is missing, of another type, or out of its range.
    """
    if len(text) > LONGEST:
        raise InvalidJsonError(f"it is longer than {LONGEST} characters")
    try:
        return msgspec.json.decode(text, type=kind)
    except RecursionError:
        raise InvalidJsonError("it is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise InvalidJsonError(_reason(error)) from None


def _reason(error: Exception) -> str:
    """``Expected `int`, got `str` - at `$.layers[0].name``` with the place first."""
    if isinstance(error, UnicodeError):
        return "it is not UTF-8"
    reason, _, place = str(error).partition(" - at `$.")
    return f"{place.rstrip('`')}: {reason}" if place else reason
