"""The parts of the metadata: the image input, the layers, the preprocessing, the origin, what was verified.

The annotations are checked when a model is read; see ``onnxcam.metadata``, which also checks that the parts agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from onnxcam.strict_json import Name, PixelValue, RelativeError, Share, Side, Words

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A target layer.

    Attributes:
        name: What the user calls it, e.g. ``layer4``.
        value: The ONNX value that holds its output A.
        shape: Its shape without the batch, ``(K, h, w)``.
    """

    name: Name
    value: Words
    shape: Annotated[tuple[Side, ...], Meta(min_length=3, max_length=3)]


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The graph input that takes the image.

    Attributes:
        name: Its name in the graph.
        layout: ``NCHW`` or ``NHWC``.
        channels: 1 or 3.
        height: In pixels.
        width: In pixels.
        dtype: numpy's name of its type, such as ``float32``, ``float16`` or ``uint8``.
        batch: The fixed batch size, or None where any batch will do.
    """

    name: Name
    layout: Literal["NCHW", "NHWC"]
    channels: Side
    height: Side
    width: Side
    dtype: str = "float32"
    batch: Side | None = None

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

    # Their ranges are checked in metadata.py: msgspec 0.22 crashes on a limited int beside a tuple of fixed length.
    resize: int | tuple[int, int] | None
    crop: int | tuple[int, int] | None
    interpolation: Interpolation = "bilinear"
    scale: PixelValue = 1 / 255
    mean: tuple[PixelValue, ...] = (0.485, 0.456, 0.406)
    std: tuple[PixelValue, ...] = (0.229, 0.224, 0.225)
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

    kind: Words
    name: Words
    exporter: Words


@dataclass(frozen=True, slots=True)
class Verification:
    """What the export compared, and how closely it agreed.

    Attributes:
        reference: What the artifact was compared with, in words.
        errors: Relative L2 error of each compared output, by output name.
        tolerances: The bound that each error was held to, by output name.
        notes: What a reader should know, e.g. an output that could not be compared, and why.
    """

    reference: Words
    errors: dict[str, RelativeError]
    tolerances: dict[str, RelativeError]
    notes: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Golden:
    """Answers to a deterministic input, for checking a device without PyTorch (see ``onnxcam.execution.golden``).

    Attributes:
        target: The class explained.
        scores: Evenly spaced samples of the scores.
        layer: The layer of the map.
        grad_cam: Evenly spaced samples of the Grad-CAM map, ``relu=False``.
        guided_backprop: Evenly spaced samples of the gradient at the input, whatever table of rules made it.
        tolerances: The relative L2 error allowed for ``scores``, ``grad_cam`` and ``guided_backprop``.
    """

    target: Annotated[int, Meta(ge=0, le=2**24)]
    scores: tuple[float, ...]
    layer: Name
    grad_cam: tuple[float, ...]
    guided_backprop: tuple[float, ...]
    tolerances: dict[str, Share]
