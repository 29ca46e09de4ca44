"""A model's metadata in words: what it takes and gives, where it came from, and what was checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam.photograph.words import in_words
from onnxcam.sanity.verdict import verdict_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxcam.metadata import Metadata


def facts(metadata: Metadata) -> Iterator[tuple[str, str]]:
    """Names and facts; of several facts with one name, only the first has it."""
    image = metadata.image
    yield "source", f"{metadata.source.name} ({metadata.source.kind}), by {metadata.source.exporter}"
    shape = ", ".join(str(size) for size in (image.batch or "N", *image.shape))
    yield "input", f"{image.name}: {image.dtype} [{shape}] {image.layout}"
    yield "photographs", in_words(metadata.preprocessing)
    activation = f", before {metadata.score_activation}" if metadata.score_activation else ""
    labelled = "labelled" if metadata.labels else "without labels"
    if metadata.classes is not None:
        yield "classes", f"{metadata.classes}, {labelled}"
    shape = "" if metadata.classes is not None else f" {list(metadata.shape_of_scores)}, explained by seeds, {labelled}"
    output = f", of {metadata.score_output}: {metadata.score_reason}" if metadata.score_reason else ""
    yield "scores", f"{metadata.score_value}{shape}{activation}{output}"
    if metadata.detection is not None:
        yield "boxes", metadata.detection.in_words
    for number, layer in enumerate(metadata.layers):
        marks = [mark for mark, applies in _marks(metadata, number) if applies]
        yield ("" if number else "layers", f"{layer.name} {list(layer.shape)}{' ' if marks else ''}{', '.join(marks)}")
    if metadata.input_gradient != "guided":
        yield "input gradient", f"{metadata.input_gradient}, not guided"
    yield "form", metadata.form
    yield from _verified(metadata)
    if metadata.sanity is not None:
        yield "sanity", f"checked with {metadata.sanity.pictures} images by {metadata.sanity.by}"
        for line in verdict_lines(metadata.sanity):
            yield "", line


def _marks(metadata: Metadata, number: int) -> Iterator[tuple[str, bool]]:
    yield "default", number == 0
    yield "CAM", metadata.layers[number].name == metadata.cam_layer


def _verified(metadata: Metadata) -> Iterator[tuple[str, str]]:
    verification = metadata.verification
    if verification is None:
        yield "verified", "no"
        return
    yield "verified", f"against {verification.reference}"
    for name, error in verification.errors.items():
        yield "", f"{name}: relative error {error:.1e}, allowed {verification.tolerances[name]:.0e}"
    for note in verification.notes:
        yield "", note
