"""Text that may come from anywhere, made fit for one line of a picture or a page."""

from __future__ import annotations

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_LONGEST = 200


def printable(text: str, longest: int = _LONGEST) -> str:
    """Cleans a label or a name.

    Args:
        text: With whatever a model's file holds: newlines, control and direction marks, lone surrogates, any length.
        longest: The most characters to keep; an ellipsis shows that there were more.

    Returns:
        One line: white space as single blanks, and a replacement character for what cannot be printed.
    """
    kept = text[: 4 * longest]
    line = " ".join("".join(mark if mark.isprintable() or mark.isspace() else _UNKNOWN for mark in kept).split())
    cut = len(line) > longest or len(text) > len(kept)
    return line[: longest - 1] + "…" if cut else line
