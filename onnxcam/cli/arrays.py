"""``onnxcam explain --npz``: saves the raw arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.files import replacing
from onnxcam.signature import sign_archive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.explanation import Explanation
    from onnxcam.methods import Method


def save_arrays(explanation: Explanation, path: Path, methods: Sequence[Method], source: str = "") -> None:
    """Saves the model's outputs and the computed explanations, by the names of ``Explanation``.

    Args:
        explanation: The explanation to save.
        path: The file, ending in ``.npz``.
        methods: The methods to save beside the model's outputs.
        source: The fingerprint of the explained image, see ``onnxcam.signature``.

    Raises:
        OutputError: The path cannot be written.
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
    with replacing(path) as file:
        np.savez(file, **arrays)
        sign_archive(file, source)
