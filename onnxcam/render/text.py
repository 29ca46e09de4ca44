"""Cleans untrusted text for one line of a picture or a page."""

from __future__ import annotations

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_LONGEST = 200


def printable(text: str, longest: int = _LONGEST) -> str:
    """Cleans a label or a name.

    Args:
        text: Any text: with newlines, control and direction marks, lone surrogates, of any length.
        longest: The largest number of characters to keep; an ellipsis stands for the rest.

    Returns:
        One line: each run of white space is one blank, and unprintable characters are the replacement character.
    """
    kept = text[: 4 * longest]
    line = " ".join("".join(mark if mark.isprintable() or mark.isspace() else _UNKNOWN for mark in kept).split())
    cut = len(line) > longest or len(text) > len(kept)
    return line[: longest - 1] + "…" if cut else line
