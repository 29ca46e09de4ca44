"""A progress bar on terminals, for work of several steps."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[], None]]:
    """Shows a bar on standard error during the block, if that is a terminal and there is more than one step.

    Args:
        total: The number of steps.
        what: The words before the bar.

    Yields:
        A function to call after each step.
    """
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    # Rich is slow to import, so it is imported only when a bar is shown.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Printed lines go above the bar if they go to the same terminal; a redirected standard output is not touched.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    ) as display:
        task = display.add_task(what, total=total)
        yield lambda: display.advance(task)
