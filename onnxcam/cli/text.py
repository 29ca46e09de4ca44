"""Text that comes from a model or a file name, made safe to print."""

from __future__ import annotations

import re

# Control characters (C0, DEL, C1), the marks that change the direction of writing, and halves of surrogate pairs.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Escapes what could move the cursor, colour the terminal, forge a line or turn the text around.

    Args:
        text: Any text.

    Returns:
        One line, with each such character as ``\xNN`` or ``\uNNNN``.
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
