"""The metadata of an explainer model: the JSON under the key ``onnxcam`` in ``metadata_props``.

The export writes it and the runtime reads it. Both use the classes here, so the schema has one definition. Readers
ignore unknown fields, so a newer writer may add fields under the same schema number. A change that an older reader
would misunderstand takes the next number, and older readers refuse it.

Reading checks every field's type and range, and that the parts agree with each other. So whatever a file holds, a
caller gets valid metadata or a ``ModelError``.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from onnxcam.contract import GUIDED_OUTPUT, INPUT_GRADIENTS_OUTPUT
from onnxcam.errors import ModelError
from onnxcam.metadata_checks import (
    GOLDEN_SAMPLES,
    golden_contradictions,
    image_contradictions,
    layer_contradictions,
    preprocessing_contradictions,
)
from onnxcam.metadata_parts import (
    Golden,
    ImageInput,
    Interpolation,
    Layer,
    Preprocessing,
    Source,
    Verification,
)
from onnxcam.strict_json import Count, InvalidJsonError, Words, decoded
from onnxcam.text import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "GOLDEN_SAMPLES",
    "SCHEMA",
    "Golden",
    "ImageInput",
    "Interpolation",
    "Layer",
    "Metadata",
    "Preprocessing",
    "Source",
    "Verification",
]

SCHEMA = 1

_INPUT_GRADIENTS = ("guided", "plain", "deconvnet", "custom")


@dataclass(frozen=True, slots=True)
class _Header:
    """The one field that every schema has."""

    schema: Annotated[int, Meta(ge=1, le=2**31)]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of an explainer model.

    Attributes:
        image: The image input.
        layers: The target layers; the first is the default.
        cam_layer: The layer after which only global average pooling and a linear layer follow, or None.
        classes: C, the number of classes.
        labels: The C class names, or None.
        score_value: The ONNX value that the scores were taken from.
        score_activation: The activation after the scores in the original graph: ``softmax``, ``sigmoid`` or None.
        flat: Whether the gates were left out: there is no level input, and everything is always computed.
        preprocessing: How an image becomes the input; None if it was exported without preprocessing.
        source: Where the model came from.
        verification: The comparison that the export made; None if the export did not verify.
        golden: The golden check; None if the export did not verify.
        schema: The schema's number.
        input_gradient: The rules of the gradient at the input: ``guided``, ``plain``, ``deconvnet`` or ``custom``. All
            but the first are output as ``onnxcam.input_gradients``.
        inputs: ``optional`` where the level and the target have defaults, ``required`` where they have none.
        level: The level that is fixed in this form of the model, or None where a run chooses it.
    """

    image: ImageInput
    layers: Annotated[tuple[Layer, ...], Meta(min_length=1, max_length=4096)]
    cam_layer: str | None
    classes: Count
    labels: tuple[Words, ...] | None
    score_value: Words
    score_activation: Literal["softmax", "sigmoid"] | None
    flat: bool
    preprocessing: Preprocessing | None
    source: Source
    verification: Verification | None = None
    golden: Golden | None = None
    schema: int = field(default=SCHEMA)
    input_gradient: str = "guided"
    inputs: Literal["optional", "required"] = "optional"
    level: Annotated[int, Meta(ge=0, le=2)] | None = None

    def __repr__(self) -> str:
        """One line, without labels and golden numbers."""
        return f"<Metadata of {shortened(self.source.name)}: {self.summary}>"

    @property
    def summary(self) -> str:
        """The input, the number of classes and the layers, in a line."""
        shape = ", ".join(map(str, (self.image.batch or "N", *self.image.shape)))
        labelled = "labelled " if self.labels else ""
        layers = listed((layer.name for layer in self.layers), 3)
        return f"{self.image.dtype} [{shape}], {self.classes} {labelled}classes, layers {layers}"

    @property
    def has_level_input(self) -> bool:
        """Whether a run chooses the level."""
        return not self.flat and self.level is None

    @property
    def form(self) -> str:
        """The form of the artifact, in words."""
        if self.flat:
            return "flat: everything is always computed"
        levels = "levels 0, 1 and 2" if self.level is None else f"fixed at level {self.level}"
        return levels if self.inputs == "optional" else f"{levels}, with required inputs"

    @property
    def input_gradient_output(self) -> str:
        """The graph output that holds the gradient at the input."""
        return GUIDED_OUTPUT if self.input_gradient == "guided" else INPUT_GRADIENTS_OUTPUT

    def to_json(self) -> str:
        """The JSON for the key ``onnxcam`` in ``metadata_props``.

        Raises:
            ModelError: ``from_json`` would refuse it.
        """
        try:
            text = json.dumps(dataclasses.asdict(self), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            _read(text)
        except (ValueError, TypeError) as error:
            raise ModelError(
                f"the model's metadata cannot be written, since no reader would take it: {shortened(str(error))}"
            ) from error
        return text

    @staticmethod
    def from_json(text: str | bytes) -> Metadata:
        """Reads the JSON that ``to_json`` writes.

        Raises:
            ModelError: The text is not such JSON, contradicts itself, or has a schema newer than this onnxcam reads.
        """
        try:
            return _read(text)
        except InvalidJsonError as error:
            raise ModelError(
                f"the model's onnxcam metadata is damaged ({shortened(str(error))}); export the model again with "
                "onnxcam-export"
            ) from error


def _read(text: str | bytes) -> Metadata:
    """Reads JSON and checks that its parts agree.

    Raises:
        InvalidJsonError: It is not such JSON, or its parts contradict each other.
        ModelError: It has a newer schema.
    """
    schema = decoded(text, _Header).schema
    if schema > SCHEMA:
        raise ModelError(
            f"the model was written for onnxcam metadata schema {schema}, and this onnxcam reads up to {SCHEMA}; "
            "upgrade it with 'pip install --upgrade onnxcam'"
        )
    metadata = decoded(text, Metadata)
    for contradiction in _contradictions(metadata):
        raise InvalidJsonError(contradiction)
    return metadata


def _contradictions(metadata: Metadata) -> Iterator[str]:
    """The contradictions between parts that are valid by themselves, in words."""
    names = [layer.name for layer in metadata.layers]
    if len(set(names)) < len(names):
        yield "layers: two have the same name"
    if metadata.cam_layer is not None and metadata.cam_layer not in names:
        yield f"cam_layer: there is no layer {metadata.cam_layer!r}"
    if metadata.labels is not None and len(metadata.labels) != metadata.classes:
        yield f"labels: {len(metadata.labels)} for {metadata.classes} classes"
    if metadata.input_gradient not in _INPUT_GRADIENTS:
        yield f"input_gradient: {metadata.input_gradient!r} is none of {', '.join(_INPUT_GRADIENTS)}"
    yield from image_contradictions(metadata.image)
    for index, layer in enumerate(metadata.layers):
        yield from layer_contradictions(layer, f"layers[{index}]", metadata.image)
    if metadata.preprocessing is not None:
        yield from preprocessing_contradictions(metadata.preprocessing, metadata.image)
    if (
        metadata.verification is not None
        and metadata.verification.errors.keys() != metadata.verification.tolerances.keys()
    ):
        yield "verification: errors and tolerances are not of the same outputs"
    if metadata.golden is not None:
        yield from golden_contradictions(metadata.golden, metadata.layers, metadata.image, metadata.classes)
