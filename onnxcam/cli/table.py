"""Plain text tables, which can be piped. Importing Rich would take a tenth of the time to a first explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "") -> str:
    """Aligns columns.

    Args:
        header: The titles; if all are empty, there is no header line.
        rows: The cells. Characters that a terminal obeys are escaped.
        right: The titles of the columns to align to the right, with spaces between them.

    Returns:
        Lines without a newline at the end.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    lines = [header, *cells] if any(header) else cells
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    to_right = [title in right.split() for title in header]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(line, widths, to_right, strict=True)
        ).rstrip()
        for line in lines
    )
