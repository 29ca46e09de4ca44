"""The levels of a run: the scores, the layers, the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from onnxcam.errors import MethodError

if TYPE_CHECKING:
    from onnxcam.metadata import Metadata

Level = Literal[0, 1, 2]
# The lowest level with a gradient at the input.
AT_INPUT: Final = 2


def checked_level(level: int | None, metadata: Metadata) -> int:
    """The level of a run; None is the highest that the model has.

    Raises:
        MethodError: There is no such level, or the model is fixed at a lower one.
    """
    highest = metadata.highest_level
    if level is None:
        return highest
    if level not in (0, 1, 2):
        raise MethodError(f"the level is 0 (scores), 1 (Grad-CAM) or 2 (guided backpropagation), not {level!r}")
    if level > highest:
        raise MethodError(
            f"this model is fixed at level {highest} and has no level {level}; open the original with level={level}"
            if metadata.level is not None
            else f"this model was exported up to level {highest} and has no level {level}; export it with level={level}"
        )
    return level
