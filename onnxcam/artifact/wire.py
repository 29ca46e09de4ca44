"""Protobuf's wire format: the fields of a message in a file's bytes, and fields to put in their place.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Data = bytes | mmap.mmap

_VARINT, _FIXED64, LENGTH, _FIXED32 = 0, 1, 2, 5
_MOST_VARINT_BYTES = 10
_TAG_BITS = 0xFFFFFFFF  # the part that protobuf keeps of a longer tag


class DamagedError(Exception):
    """The bytes are not protobuf."""


def fields(data: Data, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number, start, end) of each field with a length in a message; fields that hold numbers are skipped.

    Raises:
        DamagedError: The bytes are not a message.
    """
    for number, kind, _, begin, stop in spans(data, start, end):
        if kind == LENGTH:
            yield number, begin, stop


def spans(data: Data, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """(number, kind, start of the tag, start and end of the value) of each field in a message.

    Raises:
        DamagedError: The bytes are not a message.
    """
    position = start
    while position < end:
        first = position
        # Most tags and lengths are one byte; reading these here takes a third of the time.
        tag, position = (data[position], position + 1) if data[position] < 0x80 else _read_varint(data, position, end)
        number, kind = (tag & _TAG_BITS) >> 3, tag & 7
        if kind == LENGTH and position < end and data[position] < 0x80:
            begin, position = position + 1, position + 1 + data[position]
        else:
            size, begin = _size(data, kind, position, end)
            position = begin + size
        if position > end:
            raise DamagedError
        yield number, kind, first, begin, position


def number(data: Data, start: int, end: int) -> int:
    """The value of a field that is a number.

    Args:
        data: The bytes.
        start: The start of its tag.
        end: The end of the message.

    Raises:
        DamagedError: The bytes are not such a field.
    """
    return _read_varint(data, _read_varint(data, start, end)[1], end)[0]


def whole_number(data: Data, start: int, end: int) -> int | None:
    """The signed number of 64 bits that a message consists of; None if there are several.

    Raises:
        DamagedError: The bytes are no number.
    """
    value, stop = _read_varint(data, start, end)
    if stop != end:
        return None
    value &= 0xFFFFFFFFFFFFFFFF
    return value - (1 << 64) if value >> 63 else value


def field(number: int, value: bytes) -> bytes:
    """A field with a length."""
    return head(number, len(value)) + value


def head(number: int, size: int) -> bytes:
    """The tag and the length of a field; its value comes next."""
    return varint(number << 3 | LENGTH) + varint(size)


def number_field(number: int, value: int) -> bytes:
    """A field that is a number."""
    return varint(number << 3 | _VARINT) + varint(value)


def varint(value: int) -> bytes:
    """A number of any size, seven bits to a byte."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _size(data: Data, kind: int, position: int, end: int) -> tuple[int, int]:
    """The length of a field's value, and its first position."""
    if kind == LENGTH:
        return _read_varint(data, position, end)
    if kind == _VARINT:
        begin = _read_varint(data, position, end)[1]
        return 0, begin
    if kind in {_FIXED32, _FIXED64}:
        return 4 if kind == _FIXED32 else 8, position
    raise DamagedError  # a group; ONNX has none


def _read_varint(data: Data, position: int, end: int) -> tuple[int, int]:
    value = 0
    for count in range(_MOST_VARINT_BYTES):
        if position + count >= end:
            break
        byte = data[position + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, position + count + 1
    raise DamagedError
