"""The level of an inference request: the one that it sends, or the lowest that has the outputs it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxcam.contract import (
    ACTIVATIONS_PREFIX,
    CLASS_INDEX_OUTPUT,
    GRAD_CAM_PREFIX,
    GRADIENTS_PREFIX,
    PREFIX,
    SCORES_OUTPUT,
)
from onnxcam.levels import AT_INPUT, checked_level
from onnxcam.serving.exchange.failures import INVALID, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from onnxcam.metadata import Metadata

_AT_LAYERS = (ACTIVATIONS_PREFIX, GRADIENTS_PREFIX, GRAD_CAM_PREFIX)


def level_of(output: str) -> int:
    """The lowest level at which an output has rows."""
    if not output.startswith(PREFIX) or output in {SCORES_OUTPUT, CLASS_INDEX_OUTPUT}:
        return 0
    return 1 if output.startswith(_AT_LAYERS) else AT_INPUT


def requested_level(sent: npt.NDArray[Any] | None, outputs: Iterable[str], metadata: Metadata, highest: int) -> int:
    """The level of a run.

    Args:
        sent: The level that the request sends, one number; None if it sends none.
        outputs: The outputs that it names; none if it wants all.
        metadata: The metadata of the file.
        highest: The highest level that the service gives.

    Raises:
        RequestError: It is above the service's highest.
        MethodError: The model has no such level.
    """
    level = max(map(level_of, outputs), default=0) if sent is None else int(sent.item())
    level = checked_level(level, metadata)
    if level > highest:
        raise RequestError(INVALID, f"this service gives up to level {highest}, and level {level} is asked for")
    return level


def without_higher(outputs: dict[str, npt.NDArray[Any]], level: int) -> dict[str, npt.NDArray[Any]]:
    """The outputs as a run at a level gives them: those of higher levels have no rows."""
    return {name: values if level_of(name) <= level else values[:0] for name, values in outputs.items()}
