"""What a command tells its user on standard error."""

from __future__ import annotations

import sys

from onnxcam.text import printable


def say(message: str) -> None:
    """Writes a line, with what a terminal would act on escaped."""
    sys.stderr.write(f"onnxcam: {printable(message)}\n")
