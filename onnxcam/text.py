"""Cleans text from a model or a file name, so that it is safe and short enough to show.

A label, a layer's name or an error message may hold characters that a terminal obeys: escape sequences that move the
cursor or set the clipboard, line breaks that forge a line of output, marks that reverse the direction of writing.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LONGEST = 300
LONGEST_LINE = 200
MOST = 20

# Python calls these unprintable, but they join letters in Persian, Hindi and emoji, and move nothing.
_JOINERS = "\u200c\u200d"
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    r"""Replaces invisible characters by escapes, as ``repr`` does: ``\x1b``, ``\n``, ``\u202e``.

    Args:
        text: Any text; it may hold lone surrogates.

    Returns:
        One line that a terminal only shows, and that every Unicode encoding can hold.
    """
    return text if text.isprintable() else _replaced(text, _escaped)


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """Makes one line for a picture or a page, where an escape would only take up room.

    Args:
        text: Any text; it may hold newlines and lone surrogates, and be of any length.
        longest: The largest number of characters to keep; an ellipsis stands for the rest.

    Returns:
        The text with each run of white space as one blank, and other invisible characters as replacement characters.
    """
    kept = text[: 4 * longest]
    if not kept.isprintable():
        kept = _replaced(kept, lambda character: " " if character.isspace() else _UNKNOWN)
    line = " ".join(kept.split())
    return line[: longest - 1] + "…" if len(line) > longest or len(text) > 4 * longest else line


def shortened(text: str, longest: int = LONGEST) -> str:
    """Makes text printable and cuts it off if it is too long for a message.

    Args:
        text: Any text.
        longest: The number of its characters that are kept.
    """
    return printable(text) if len(text) <= longest else f"{printable(text[:longest])}…"


def shown(value: object, longest: int = 100) -> str:
    """A value as Python writes it, for a message.

    Args:
        value: Anything.
        longest: The number of characters that are kept.
    """
    try:
        return shortened(repr(value), longest)
    except (RecursionError, ValueError):  # nested too deeply, or a number of more digits than Python writes
        return f"a {type(value).__name__}"


def listed(names: Iterable[str], most: int = MOST) -> str:
    """Joins names with commas, for a message.

    Args:
        names: Any number of names of any length.
        most: How many are listed; the number of the others is given at the end.
    """
    every = list(names)
    shown = ", ".join(shortened(name, LONGEST // 2) for name in every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most} more"


def _replaced(text: str, replacement: Callable[[str], str]) -> str:
    return "".join(character if _is_visible(character) else replacement(character) for character in text)


def _is_visible(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
