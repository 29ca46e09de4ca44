"""Makes the metadata of an explainer model, without the fields that need the finished file."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

from onnxcam.metadata import Layer, Metadata, Source
from onnxcam_export.analyse.score import pooled_features

if TYPE_CHECKING:
    from onnxcam.metadata import DetectionHead, Preprocessing
    from onnxcam_export.analyse.forward import Forward
    from onnxcam_export.assemble.outputs import Form
    from onnxcam_export.differentiate.tables import InputGradient
    from onnxcam_export.read.source import Original


def describe(
    original: Original,
    forward: Forward,
    input_gradient: InputGradient,
    labels: tuple[str, ...] | None,
    preprocessing: Preprocessing | None,
    *,
    form: Form,
    head: DetectionHead | None,
) -> Metadata:
    """Combines the user's options, which were checked, with the results of the analysis."""
    score, features = forward.score, pooled_features(forward.score.value)
    return Metadata(
        image=forward.image_input,
        layers=tuple(
            Layer(name, value.name or "", view.shape, view.kind, view.skip)
            for (name, value), view in zip(forward.layers.items(), forward.views.values(), strict=True)
        ),
        cam_layer=next((name for name, value in forward.layers.items() if value is features), None),
        classes=score.classes,
        labels=labels,
        score_value=score.value.name or "",
        score_activation=score.activation,
        flat=form.flat,
        preprocessing=preprocessing,
        source=Source(
            original.kind,
            original.name,
            ", ".join((f"onnxcam-export {importlib.metadata.version('onnxcam-export')}", *original.made_with)),
        ),
        input_gradient=input_gradient.name,
        inputs=form.inputs,
        highest=form.highest,
        score_shape=score.shape,
        score_output=score.output,
        score_reason=score.reason,
        detection=head,
    )
