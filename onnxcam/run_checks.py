"""Checks the arguments of a run against the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam.errors import LayerError, TargetError, TensorError
from onnxcam.text import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from onnxcam.metadata import Metadata


def check_inputs(given: Collection[str], inputs: Mapping[str, Sequence[int | str | None]]) -> None:
    """Checks that every input of the model is given, and no other.

    Args:
        given: The names that are given.
        inputs: The names and shapes of the model's inputs.

    Raises:
        TensorError: One is missing, or there is no such input.
    """
    missing = [f"{name} {shape}" for name, shape in inputs.items() if name not in given]
    if missing:
        raise TensorError(
            f"besides the image the model needs {listed(missing)}; hand over preprocessed input and "
            "these with Explainer.run(…, inputs={name: array})"
        )
    unknown = [name for name in given if name not in inputs]
    if unknown:
        raise TensorError(f"the model has no input {listed(unknown)}; it takes {listed(inputs)}")


def chosen_layers(layer: str | None, metadata: Metadata) -> list[str]:
    """The target layers to fetch: the one that is named, or all.

    Raises:
        LayerError: The model has no such layer.
    """
    names = [item.name for item in metadata.layers]
    if layer is None:
        return names
    if layer not in names:
        raise LayerError(f"the model has no target layer {shortened(repr(layer))}; it has {listed(names)}")
    return [layer]


def check_alone(inputs: Collection[str], metadata: Metadata) -> None:
    """Checks that the images of a batch can be run one by one.

    Raises:
        TargetError: The model fixes the batch, or takes other inputs.
    """
    if len(inputs) > 1 or metadata.image.batch not in {None, 1}:
        raise TargetError(
            "several targets for each image are explained one image at a time and with no other input, which this "
            "model does not take; give one target for each image"
        )
