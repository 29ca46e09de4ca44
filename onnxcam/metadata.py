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
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from onnxcam.contract import GUIDED_OUTPUT, INPUT_GRADIENTS_OUTPUT
from onnxcam.errors import ModelError
from onnxcam.metadata_checks import (
    GOLDEN_SAMPLES,
    MOST_ELEMENTS,
    golden_contradictions,
    head_contradictions,
    image_contradictions,
    layer_contradictions,
    preprocessing_contradictions,
)
from onnxcam.metadata_parts import (
    DetectionHead,
    Golden,
    ImageInput,
    Interpolation,
    Layer,
    MethodSanity,
    Preprocessing,
    Sanity,
    Source,
    Verification,
)
from onnxcam.strict_json import Count, InvalidJsonError, Side, Words, decoded
from onnxcam.text import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "GOLDEN_SAMPLES",
    "SCHEMA",
    "DetectionHead",
    "Golden",
    "ImageInput",
    "Interpolation",
    "Layer",
    "Metadata",
    "MethodSanity",
    "Preprocessing",
    "Sanity",
    "Source",
    "Verification",
]

SCHEMA = 2

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
        classes: C, the number of classes; None where the scores are not [N, C].
        labels: The C class names, or None. Of a single class there may be two: what it is not, and what it is. Of
            scores that are not [N, C], any number.
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
        highest: The highest level in the file; 1 where the gradient at the input was left out at export.
        score_shape: The shape of ``onnxcam.scores`` without the batch; (C,) of class scores.
        score_output: The output of the original model that the scores were found from.
        score_reason: Why that output was taken.
        detection: Where the boxes are, if the scores are a raw detection head.
        sanity: The sanity checks of the model's explanations; None if they were not run.
    """

    image: ImageInput
    layers: Annotated[tuple[Layer, ...], Meta(min_length=1, max_length=4096)]
    cam_layer: str | None
    classes: Count | None
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
    highest: Annotated[int, Meta(ge=1, le=2)] = 2
    score_shape: Annotated[tuple[Side, ...], Meta(min_length=1, max_length=4)] | None = None
    score_output: Words = ""
    score_reason: Words = ""
    detection: DetectionHead | None = None
    sanity: Sanity | None = None

    def __repr__(self) -> str:
        """One line, without labels and golden numbers."""
        return f"<Metadata of {shortened(self.source.name)}: {self.summary}>"

    @property
    def summary(self) -> str:
        """The input, the number of classes and the layers, in a line."""
        shape = ", ".join(map(str, (self.image.batch or "N", *self.image.shape)))
        layers = listed((layer.name for layer in self.layers), 3)
        return f"{self.image.dtype} [{shape}], {self.scores_in_words}, layers {layers}"

    @property
    def scores_in_words(self) -> str:
        """The number of classes, or the shape of the scores."""
        if self.is_regression:
            return "one score without a label"
        if self.classes is None:
            return f"scores {list(self.shape_of_scores)}"
        return f"{self.classes} {'labelled ' if self.labels else ''}{'class' if self.classes == 1 else 'classes'}"

    @property
    def is_binary(self) -> bool:
        """Whether one score has two labels: it is the second's, and its negative the first's."""
        return self.classes == 1 and self.labels is not None and len(self.labels) > 1

    @property
    def is_regression(self) -> bool:
        """Whether there is one score without label and activation, such as an age or a distance."""
        return self.classes == 1 and self.labels is None and self.score_activation is None

    def label_of(self, index: int) -> str:
        """The label of a class, or its index as text; of a regression, ``score``."""
        if self.is_regression:
            return "score"
        if self.labels is None or index >= len(self.labels):
            return str(index)
        return self.labels[-1 if self.is_binary else index]

    @property
    def has_level_input(self) -> bool:
        """Whether a run chooses the level."""
        return not self.flat and self.level is None

    @property
    def has_seeds(self) -> bool:
        """Whether the artifact takes seeds and gives finished maps: since schema 2."""
        return self.schema > 1

    @property
    def highest_level(self) -> int:
        """The highest level that a run can have."""
        return self.highest if self.level is None else min(self.level, self.highest)

    @property
    def shape_of_scores(self) -> tuple[int, ...]:
        """The shape of ``onnxcam.scores`` without the batch."""
        return self.score_shape or (self.classes or 1,)

    @property
    def form(self) -> str:
        """The form of the artifact, in words."""
        if self.flat:
            return "flat: everything is always computed"
        every = "levels 0, 1 and 2" if self.highest > 1 else "levels 0 and 1"
        levels = every if self.level is None else f"fixed at level {self.level}"
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
    yield from _of_scores(metadata)
    if metadata.input_gradient not in _INPUT_GRADIENTS:
        yield f"input_gradient: {metadata.input_gradient!r} is none of {', '.join(_INPUT_GRADIENTS)}"
    if metadata.detection is not None:
        yield from head_contradictions(metadata.detection, metadata.shape_of_scores, metadata.labels)
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
        if (metadata.highest_level > 1) != bool(metadata.golden.guided_backprop):
            yield "golden.guided_backprop: not of the model's highest level"
        yield from golden_contradictions(
            metadata.golden, metadata.layers, metadata.image, math.prod(metadata.shape_of_scores)
        )


def _of_scores(metadata: Metadata) -> Iterator[str]:
    """Scores whose number of classes, shape and labels differ."""
    classes, shape, labels = metadata.classes, metadata.score_shape, metadata.labels
    if classes is None and (shape is None or len(shape) == 1):
        yield "classes: there is no number of them, and the scores have no other shape"
    if classes is not None and metadata.shape_of_scores != (classes,):
        yield f"score_shape: {list(metadata.shape_of_scores)} for {classes} classes"
    if metadata.is_binary and labels is not None and len(labels) > 2:
        yield f"labels: {len(labels)} for {classes} classes"
    if math.prod(metadata.shape_of_scores) > MOST_ELEMENTS:
        yield "score_shape: it is too large"
    if classes is not None and labels is not None and len(labels) != classes and not metadata.is_binary:
        yield f"labels: {len(labels)} for {classes} classes"
