"""The maps that are compared: one value for each place, of each method that a model has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from onnxcam.methods import is_at_input, methods_of
from onnxcam.photograph.preprocessing import channels_last

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxcam.cam import Floats
    from onnxcam.explanation import Explanation
    from onnxcam.metadata import Metadata
    from onnxcam.methods import Method

# From an explanation with M rows to maps, [M, *places].
MapOf = Callable[["Explanation"], "Floats"]


def maps_of(metadata: Metadata) -> Mapping[str, MapOf]:
    """The methods of a model, by name, each with the function that computes its maps.

    Of a gradient at the input, the largest magnitude over the channels is taken. Where that gradient is not guided, it
    is among the methods; where it is plain, so is its product with the input.
    """
    found: dict[str, MapOf] = {method: partial(_computed, method=method) for method in methods_of(metadata)}
    if metadata.highest_level > 1 and metadata.input_gradient != "guided":
        found["input-gradient"] = lambda explanation: _strongest(explanation.input_gradient(), explanation)
    if metadata.highest_level > 1 and metadata.input_gradient == "plain":
        found["input-x-gradient"] = lambda explanation: _strongest(explanation.input_x_gradient(), explanation)
    return found


def _computed(explanation: Explanation, method: Method) -> Floats:
    values = explanation.compute(method)
    return _strongest(values, explanation) if is_at_input(method) else values


def _strongest(images: Floats, explanation: Explanation) -> Floats:
    """[M, *input shape] -> [M, *places]."""
    strongest: Floats = np.abs(channels_last(images, explanation.metadata)).max(axis=-1)
    return strongest
