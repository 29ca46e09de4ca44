"""Keeps what the libraries log from the terminal."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBRARIES = ("onnx_ir", "onnxscript")


@contextmanager
def silenced() -> Iterator[list[str]]:
    """Keeps the libraries' remarks from the terminal during the block; yields the first lines of errors' reasons."""
    reasons: list[str] = []

    class _Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1] is not None:
                reasons.append(str(record.exc_info[1]).strip().splitlines()[0])

    handler = _Keep()
    states = [(logger, logger.propagate) for logger in map(logging.getLogger, _LIBRARIES)]
    for logger, _ in states:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield reasons
    finally:
        for logger, propagate in states:
            logger.removeHandler(handler)
            logger.propagate = propagate
