"""Reads ``--target``, which may also name the picture of a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam.cli.masks import MaskedRegion
from onnxcam.targets.of_scores import Region
from onnxcam.targets.rows import resolve
from onnxcam.targets.written import read_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.metadata import Metadata
    from onnxcam.targets.rows import Target

    Asked = Target | MaskedRegion


def read_targets(texts: Sequence[str], metadata: Metadata) -> list[Asked]:
    """Reads and checks the targets of a command.

    Args:
        texts: The values of ``--target``, as in ``onnxcam.targets.written``.
        metadata: The model's metadata.

    Returns:
        A target for each. A ``MaskedRegion`` becomes one with each image.

    Raises:
        TargetError: The model has no such target.
        PictureError: The picture of a mask cannot be read.
    """
    asked: list[Asked] = [read_target(text, metadata, MaskedRegion.read) for text in texts]
    if asked:
        resolve([Region(one.c) if isinstance(one, MaskedRegion) else one for one in asked], 1, metadata)
    return asked
