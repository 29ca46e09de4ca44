"""Checks the outputs of a run: a graph's declared shapes may be false, and weights may hold NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.contract import ACTIVATIONS_PREFIX, CLASS_INDEX_OUTPUT, GRADIENTS_PREFIX, SCORES_OUTPUT
from onnxcam.errors import ModelError
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxcam.metadata import Metadata


def check_shapes(got: Mapping[str, Any], metadata: Metadata, images: int, rows: int) -> None:
    """Checks the shapes of a run's outputs, and that the explained classes exist.

    Args:
        got: The outputs by name.
        metadata: The model's metadata.
        images: N.
        rows: M.

    Raises:
        ModelError: An output has another shape, or a class does not exist.
    """
    for name, value in got.items():
        expected = _shape(name, metadata, images, rows)
        if value.shape != expected:
            raise ModelError(
                f"the model gave {shortened(name)} as {list(value.shape)}, where its metadata promises "
                f"{list(expected)}; export the model again"
            )
    index = got.get(CLASS_INDEX_OUTPUT)
    lowest = -1 if metadata.has_seeds else 0
    if index is not None and not lowest <= int(index.min()) <= int(index.max()) < (metadata.classes or 0):
        raise ModelError("the model named a class that it does not have; export the model again")


def check_finite(got: Mapping[str, Any]) -> None:
    """Checks that no output holds NaN or infinity, which give neither a ranking of classes nor a map.

    Raises:
        ModelError: An output holds NaN or infinity.
    """
    for name, value in got.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            advice = "" if name == SCORES_OUTPUT else ", or ask for the scores alone with level=0"
            raise ModelError(
                f"the model's {shortened(name)} holds NaN or infinity for this input; check its weights, and that the "
                f"input is preprocessed as it was in training{advice}"
            )


def _shape(name: str, metadata: Metadata, images: int, rows: int) -> tuple[int, ...]:
    if name == SCORES_OUTPUT:
        return (images, *metadata.shape_of_scores)
    if name == CLASS_INDEX_OUTPUT:
        return (rows,)
    for layer in metadata.layers:
        if name == ACTIVATIONS_PREFIX + layer.name:
            return (images, *layer.shape)
        if name == GRADIENTS_PREFIX + layer.name:
            return (rows, *layer.shape)
    return (rows, *metadata.image.shape)
