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
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

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

# The samples of an output that the golden check compares; all elements if the output has fewer.
GOLDEN_SAMPLES = 64

# The types that an image can have, and that ONNX Runtime can take from numpy.
_DTYPES = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)} | {"float16", "float32", "float64"}
_INPUT_GRADIENTS = ("guided", "plain", "deconvnet", "custom")
_MOST_ELEMENTS = 2**28
# The longest side that resizing may produce, unless twice the model's input is longer.
_LARGEST_RESIZE = 2**13
_SMALLEST_DIVISOR = 1e-6


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
    if any(math.prod(layer.shape) > _MOST_ELEMENTS for layer in metadata.layers):
        yield "layers: one is too large"
    for index, layer in enumerate(metadata.layers):
        yield from _of_layer(layer, f"layers[{index}]", metadata.image)
    if metadata.input_gradient not in _INPUT_GRADIENTS:
        yield f"input_gradient: {metadata.input_gradient!r} is none of {', '.join(_INPUT_GRADIENTS)}"
    yield from _of_image(metadata.image)
    if metadata.preprocessing is not None:
        yield from _of_preprocessing(metadata.preprocessing, metadata.image)
    if (
        metadata.verification is not None
        and metadata.verification.errors.keys() != metadata.verification.tolerances.keys()
    ):
        yield "verification: errors and tolerances are not of the same outputs"
    if metadata.golden is not None:
        yield from _of_golden(metadata.golden, metadata, names)


def _of_layer(layer: Layer, place: str, image: ImageInput) -> Iterator[str]:
    if len(layer.shape) != 1 + len(image.places):
        yield f"{place}.shape: {list(layer.shape)} of an input with the layout {image.layout}"
    if layer.skip and layer.view != "tokens":
        yield f"{place}.skip: {layer.skip} tokens of a layer whose view is {layer.view}"


def _of_image(image: ImageInput) -> Iterator[str]:
    if image.dtype not in _DTYPES:
        yield f"image.dtype: {image.dtype!r} is none of {', '.join(sorted(_DTYPES))}"
    if math.prod(image.shape) * (image.batch or 1) > _MOST_ELEMENTS:
        yield "image: it is too large"
    if image.channels > 1 and "C" not in image.layout:
        yield f"image.channels: {image.channels} in the layout {image.layout}"
    if ("D" in image.layout) != (image.depth is not None):
        yield f"image.depth: {image.depth} in the layout {image.layout}"
    if "L" in image.layout and image.height > 1:
        yield f"image.height: {image.height} in the layout {image.layout}"


def _of_preprocessing(steps: Preprocessing, image: ImageInput) -> Iterator[str]:
    if not image.is_picture:
        yield f"preprocessing: of photographs, for an input with the layout {image.layout}"
    if not len(steps.mean) == len(steps.std) == image.channels:
        yield f"preprocessing: {len(steps.mean)} mean and {len(steps.std)} std for {image.channels} channels"
    if min(abs(value) for value in (steps.scale, *steps.std)) < _SMALLEST_DIVISOR:
        yield "preprocessing: std and scale must not be 0"
    if steps.channel_order != "L" and image.channels not in {1, 3}:
        yield f"preprocessing.channel_order: {steps.channel_order} for {image.channels} channels"
    yield from _of_sizes(steps, (image.height, image.width))


def _of_sizes(steps: Preprocessing, size: tuple[int, int]) -> Iterator[str]:
    """The reasons why no image can come out in the model's size, (height, width)."""
    resize = (steps.resize, steps.resize) if isinstance(steps.resize, int) else steps.resize
    crop = (steps.crop, steps.crop) if isinstance(steps.crop, int) else steps.crop
    takes = f"the model takes {size[1]} by {size[0]} pixels"
    if resize is not None and not (min(resize) >= 1 and max(resize) <= max(_LARGEST_RESIZE, 2 * max(size))):
        yield f"preprocessing.resize: {steps.resize}; {takes}"
    if crop not in {None, size}:
        yield f"preprocessing.crop: {steps.crop}; {takes}"
    if crop is None and isinstance(steps.resize, int) and steps.resize != min(size):
        yield f"preprocessing: a shorter side of {steps.resize} without a crop; {takes}"
    if crop is None and isinstance(steps.resize, tuple) and steps.resize != size:
        yield f"preprocessing.resize: {list(steps.resize)} without a crop; {takes}"


def _of_golden(golden: Golden, metadata: Metadata, layers: Collection[str]) -> Iterator[str]:
    if golden.target >= metadata.classes:
        yield f"golden.target: {golden.target} of {metadata.classes} classes"
    if golden.layer not in layers:
        yield f"golden.layer: there is no layer {golden.layer!r}"
        return
    rows = metadata.image.batch or 1
    shape = next(layer.shape for layer in metadata.layers if layer.name == golden.layer)
    sizes = {
        "scores": metadata.classes,
        "grad_cam": math.prod(shape[1:]),
        "guided_backprop": math.prod(metadata.image.shape),
    }
    if golden.tolerances.keys() != sizes.keys():
        yield f"golden.tolerances: not those of {', '.join(sizes)}"
    for name, size in sizes.items():
        found, expected = len(getattr(golden, name)), min(GOLDEN_SAMPLES, rows * size)
        if found != expected:
            yield f"golden.{name}: {found} samples where there should be {expected}"
