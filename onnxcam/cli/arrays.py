"""``onnxcam explain --npz``: the raw arrays as an archive."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.signature import sign_archive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.explanation import Explanation
    from onnxcam.methods import Method


def encode_arrays(explanation: Explanation, methods: Sequence[Method], source: str = "") -> bytes:
    """An archive of the model's outputs and the computed explanations, by the names of ``Explanation``.

    Args:
        explanation: The explanation to save.
        methods: The methods to save beside the model's outputs.
        source: The fingerprint of the explained image, see ``onnxcam.signature``.

    Returns:
        The content of an ``.npz`` file.
    """
    arrays: dict[str, Any] = {
        "scores": explanation.scores,
        "class_index": explanation.class_index,
        "labels": np.array(explanation.labels),
    }
    for layer, activations in explanation.activations.items():
        arrays[f"activations/{layer}"] = activations
        arrays[f"gradients/{layer}"] = explanation.gradients[layer]
    for method in methods:
        arrays[method.replace("-", "_")] = explanation.compute(method)
    file = io.BytesIO()
    np.savez(file, **arrays)
    sign_archive(file, source)
    return file.getvalue()
