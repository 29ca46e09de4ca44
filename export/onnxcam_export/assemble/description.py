"""Makes the metadata of an explainer model, without the fields that need the finished file."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

from onnxcam.metadata import Layer, Metadata, Preprocessing, Source
from onnxcam_export.analyse.score import Score, pooled_features
from onnxcam_export.errors import ExportError
from onnxcam_export.read.image_input import preprocessing_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.differentiate.tables import InputGradient
    from onnxcam_export.read.source import Original


def describe(
    original: Original,
    forward: Forward,
    input_gradient: InputGradient,
    labels: Sequence[str] | None,
    preprocessing: Preprocessing | Mapping[str, Any] | None,
    *,
    flat: bool,
) -> Metadata:
    """Combines the user's options with the results of the analysis.

    Raises:
        ExportError: The labels or the preprocessing do not fit the model.
    """
    score, features = forward.score, pooled_features(forward.score.value)
    return Metadata(
        image=forward.image_input,
        layers=tuple(
            Layer(name, value.name or "", view.shape, view.kind, view.skip)
            for (name, value), view in zip(forward.layers.items(), forward.views.values(), strict=True)
        ),
        cam_layer=next((name for name, value in forward.layers.items() if value is features), None),
        classes=score.classes,
        labels=_checked_labels(labels, score),
        score_value=score.value.name or "",
        score_activation=score.activation,
        flat=flat,
        preprocessing=preprocessing_for(preprocessing, forward.image_input),
        source=Source(
            original.kind,
            original.name,
            ", ".join((f"onnxcam-export {importlib.metadata.version('onnxcam-export')}", *original.made_with)),
        ),
        input_gradient=input_gradient.name,
    )


def _checked_labels(labels: Sequence[str] | None, score: Score) -> tuple[str, ...] | None:
    if labels is not None and len(labels) != score.classes:
        raise ExportError(f"{len(labels)} labels were given for {score.classes} classes; give one for each, in order")
    return None if labels is None else tuple(labels)
