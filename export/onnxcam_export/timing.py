"""Times the stages of an export."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    """Times a part of the export, and says on a terminal that it is under way."""
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 — only where somebody looks

            stack.enter_context(Console(stderr=True).status(f"{name} …"))
        yield
    seconds[name] = time.perf_counter() - start
