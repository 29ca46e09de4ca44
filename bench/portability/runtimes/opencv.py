"""OpenCV's module ``dnn``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import cv2

from bench.portability.measure import main

if TYPE_CHECKING:
    from bench.portability.measure import Run


def opened(path: str) -> Run:
    """Opens a model with one thread."""
    cv2.setNumThreads(1)
    network: Any = cv2.dnn.readNetFromONNX(path)
    names = list(network.getUnconnectedOutLayersNames())

    def run(feeds: Any) -> Any:
        for name, value in feeds.items():
            with contextlib.suppress(cv2.error):  # it does not list a model's inputs
                network.setInput(value, name)
        return dict(zip(names, network.forward(names), strict=True))

    return run


main(cv2.__version__, opened)
