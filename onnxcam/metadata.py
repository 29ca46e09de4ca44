"""What an explainer model says about itself: the JSON under the key ``onnxcam`` in ``metadata_props``.

The export side writes it and the runtime reads it; both use the classes here, so the schema has one definition.
Unknown fields are ignored, so a newer writer may add some without a new schema number; a change that an older reader
would misunderstand takes the next number, and older readers refuse it.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeVar

from onnxcam.errors import ModelError

SCHEMA = 1

_T = TypeVar("_T")

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A target layer.

    Attributes:
        name: What the user calls it, e.g. ``layer4``.
        value: The ONNX value that holds its output A.
        shape: Its shape without the batch, ``(K, h, w)``.
    """

    name: str
    value: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The graph input that takes the image.

    Attributes:
        name: Its name in the graph.
        layout: ``NCHW`` or ``NHWC``.
        channels: 1 or 3.
        height: In pixels.
        width: In pixels.
        dtype: ``float32``, ``float16`` or ``uint8``.
        batch: The fixed batch size, or None where any batch will do.
    """

    name: str
    layout: Literal["NCHW", "NHWC"]
    channels: int
    height: int
    width: int
    dtype: str = "float32"
    batch: int | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape without the batch, in the input's own layout."""
        if self.layout == "NCHW":
            return (self.channels, self.height, self.width)
        return (self.height, self.width, self.channels)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a photograph becomes the input: resize, centre crop, then ``(pixel * scale - mean) / std``.

    Attributes:
        resize: The shorter side after resizing, or ``(height, width)``; None leaves the size.
        crop: The side of the centre crop, or ``(height, width)``; None does not crop.
        interpolation: Pillow's filter of that name.
        scale: What the 8-bit pixel (0 to 255) is multiplied with.
        mean: Per channel, in scaled units, in ``channel_order``.
        std: Per channel, in scaled units, in ``channel_order``.
        channel_order: ``RGB``, ``BGR`` or ``L`` (greyscale).
        assumed: True where the export was told nothing and took the customary values.
    """

    resize: int | tuple[int, int] | None
    crop: int | tuple[int, int] | None
    interpolation: Interpolation = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    channel_order: Literal["RGB", "BGR", "L"] = "RGB"
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Where the model came from.

    Attributes:
        kind: ``torch.nn.Module``, ``torch.export.ExportedProgram``, ``onnx file`` or ``onnx.ModelProto``.
        name: The class, the file's name, or what the command line was given.
        exporter: The versions that made it, e.g. ``onnxcam-export 0.1.0, torch 2.13.0, onnx 1.23.2``.
    """

    kind: str
    name: str
    exporter: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What the export compared, and how closely it agreed.

    Attributes:
        reference: What the artifact was compared with, in words.
        errors: Relative L2 error of each compared output, by output name.
        tolerances: The bound that each error was held to, by output name.
        notes: What a reader should know, e.g. an output that could not be compared, and why.
    """

    reference: str
    errors: dict[str, float]
    tolerances: dict[str, float]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Golden:
    """Answers to a deterministic input, for checking a device without PyTorch (see ``onnxcam.execution.golden``).

    Attributes:
        target: The class explained.
        scores: Evenly spaced samples of the scores.
        layer: The layer of the map.
        grad_cam: Evenly spaced samples of the Grad-CAM map, ``relu=False``.
        guided_backprop: Evenly spaced samples of the guided gradient.
        tolerances: The relative L2 error allowed for ``scores``, ``grad_cam`` and ``guided_backprop``.
    """

    target: int
    scores: tuple[float, ...]
    layer: str
    grad_cam: tuple[float, ...]
    guided_backprop: tuple[float, ...]
    tolerances: dict[str, float]


@dataclass(frozen=True, slots=True)
class Metadata:
    """All that an explainer model says about itself.

    Attributes:
        image: The image input.
        layers: The target layers; the first is the default.
        cam_layer: The layer behind which only global average pooling and a linear layer follow, or None.
        classes: C, the number of classes.
        labels: The C class names, or None.
        score_value: The ONNX value that the scores were taken from.
        score_activation: ``softmax``, ``sigmoid`` or None: what stood behind the scores in the original graph.
        flat: True where the gates were left out: there is no level input, everything is always computed.
        preprocessing: How a photograph becomes the input, or None where the input is no photograph.
        source: Where the model came from.
        verification: What the export compared, or None where it was told not to.
        golden: The golden check, or None where the export was told not to verify.
        input_gradient: The rules of the gradient at the input: ``guided``, ``plain``, ``deconvnet`` or ``custom``. All
            but the first are output as ``onnxcam.input_gradients``.
        schema: The schema's number.
    """

    image: ImageInput
    layers: tuple[Layer, ...]
    cam_layer: str | None
    classes: int
    labels: tuple[str, ...] | None
    score_value: str
    score_activation: Literal["softmax", "sigmoid"] | None
    flat: bool
    preprocessing: Preprocessing | None
    source: Source
    verification: Verification | None = None
    golden: Golden | None = None
    input_gradient: str = "guided"
    schema: int = field(default=SCHEMA)

    def to_json(self) -> str:
        """The text that goes under ``onnxcam`` in ``metadata_props``."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what ``to_json`` wrote.

        Raises:
            ModelError: The text is no such JSON, or its schema is newer than this onnxcam knows.
        """
        try:
            data = json.loads(text)
            schema = int(data["schema"])
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(
                "the model's onnxcam metadata is damaged; export the model again with onnxcam-export"
            ) from error
        if schema > SCHEMA:
            raise ModelError(
                f"the model was written for onnxcam metadata schema {schema}, and this onnxcam reads up to {SCHEMA}; "
                "upgrade it with 'pip install --upgrade onnxcam'"
            )
        try:
            return cls(
                image=_build(ImageInput, data["image"]),
                layers=tuple(_build(Layer, layer) for layer in data["layers"]),
                preprocessing=_optional(Preprocessing, data["preprocessing"]),
                source=_build(Source, data["source"]),
                verification=_optional(Verification, data.get("verification")),
                golden=_optional(Golden, data.get("golden")),
                labels=None if data["labels"] is None else tuple(data["labels"]),
                input_gradient=data.get("input_gradient", "guided"),
                **{
                    name: data[name]
                    for name in ("cam_layer", "classes", "score_value", "score_activation", "flat", "schema")
                },
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise ModelError(
                f"the model's onnxcam metadata is damaged ({error}); export the model again with onnxcam-export"
            ) from error


def _build(cls: type[_T], data: dict[str, Any]) -> _T:
    """Builds a dataclass from JSON, ignoring unknown fields and turning lists into tuples."""
    known = {item.name for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known})


def _optional(cls: type[_T], data: dict[str, Any] | None) -> _T | None:
    return None if data is None else _build(cls, data)
