"""The parts of the metadata: image input, layers, preprocessing, source, verification and golden check.

The annotations are checked when a model is read. ``onnxcam.metadata`` also checks that the parts agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from onnxcam.strict_json import Correlation, Count, Name, PixelValue, RelativeError, Share, Side, Words

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box"]
# A letter for each axis: images, volumes and signals (L), with the channels first, last, or without an axis for one.
Layout = Literal["NCHW", "NHWC", "NDHW", "NCDHW", "NDHWC", "NCL", "NLC", "NHW", "NL"]
ViewKind = Literal["channels_first", "channels_last", "tokens"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A target layer.

    Attributes:
        name: The name that users give, e.g. ``layer4``.
        value: The ONNX value that holds its output A.
        shape: The shape of its outputs without the batch, ``(K, *places)``: ``(K, h, w)`` of an image.
        view: How the value became that: ``channels_first``, ``channels_last``, or ``tokens`` of ``[N, skip + h w, K]``,
            which may have further tokens after the places, and the batch as its second axis.
        skip: The number of tokens before the places, which are left out: class tokens, registers.
    """

    name: Name
    value: Words
    shape: Annotated[tuple[Side, ...], Meta(min_length=2, max_length=4)]
    view: ViewKind = "channels_first"
    skip: Annotated[int, Meta(ge=0, le=2**16)] = 0


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The graph input that takes the image, or the signal or volume.

    Attributes:
        name: Its name in the graph.
        layout: A letter for each axis, such as ``NCHW`` or ``NHWC``; signals have L, volumes D, H and W.
        channels: The number of channels; 1 in a layout without C.
        height: In pixels; 1 of a signal.
        width: In pixels; of a signal, its length.
        dtype: numpy's name of its type, such as ``float32``, ``float16`` or ``uint8``.
        batch: The fixed batch size, or None if the model takes any.
        depth: Of a volume, in voxels; None of all else.
    """

    name: Name
    layout: Layout
    channels: Side
    height: Side
    width: Side
    dtype: str = "float32"
    batch: Side | None = None
    depth: Side | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape without the batch, in the input's own layout."""
        return tuple(self._sizes[letter] for letter in self.layout[1:])

    @property
    def places(self) -> tuple[int, ...]:
        """The shape without batch and channels: ``(length,)``, ``(height, width)`` or ``(depth, height, width)``."""
        return tuple(self._sizes[letter] for letter in self.layout[1:] if letter != "C")

    @property
    def channel_axis(self) -> int | None:
        """The axis of the channels, the batch being axis 0; None if there is none."""
        return self.layout.index("C") if "C" in self.layout else None

    @property
    def kind(self) -> str:
        """``signal``, ``image`` or ``volume``."""
        return ("signal", "image", "volume")[len(self.places) - 1]

    @property
    def is_picture(self) -> bool:
        """Whether it has a height and a width alone, as photographs have."""
        return len(self.places) == 2

    @property
    def _sizes(self) -> dict[str, int]:
        sides = {"D": self.depth or 1, "H": self.height, "W": self.width, "L": self.width}
        return {"C": self.channels, **sides}


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes the input: resize, centre crop, then ``(pixel * scale - mean) / std``.

    Attributes:
        resize: The shorter side after resizing, or ``(height, width)``; None keeps the size.
        crop: The side of the centre crop, or ``(height, width)``; None does not crop.
        interpolation: The name of Pillow's filter.
        scale: The factor of the 8-bit pixel (0 to 255).
        mean: Per channel, in scaled units, in ``channel_order``.
        std: Per channel, in scaled units, in ``channel_order``.
        channel_order: ``RGB``, ``BGR`` or ``L`` (greyscale).
        letterbox: The grey level, 0 to 255, of what an image leaves free that is resized to fit into the crop as a
            whole; ``resize`` is then None. None does not letterbox.
        assumed: Whether the user gave no preprocessing, and the export took the usual values.
    """

    # Ranges of both are checked in metadata.py: msgspec 0.22 crashes on a limited int beside a tuple of fixed length.
    resize: int | tuple[int, int] | None
    crop: int | tuple[int, int] | None
    interpolation: Interpolation = "bilinear"
    scale: PixelValue = 1 / 255
    mean: tuple[PixelValue, ...] = (0.485, 0.456, 0.406)
    std: tuple[PixelValue, ...] = (0.229, 0.224, 0.225)
    channel_order: Literal["RGB", "BGR", "L"] = "RGB"
    assumed: bool = False
    letterbox: Annotated[int, Meta(ge=0, le=255)] | None = None


@dataclass(frozen=True, slots=True)
class DetectionHead:
    """Where the boxes of a raw detection head are in the scores, [A, F] or [F, A]: A anchors with F values each.

    Attributes:
        anchors: The axis of the anchors: 0 of [A, F], 1 of [F, A].
        classes: The first of an anchor's values that are class scores.
        count: The number of classes.
        boxes: The first of its four values that are the box, in pixels of the input.
        box: How the box is written: ``center`` (centre x, centre y, width, height) or ``corners`` (left, top, right,
            bottom).
        objectness: The value that the class scores are multiplied by, or None.
        activation: What makes confidences of the class scores: ``sigmoid``, which objectness gets too; ``softmax``; or
            None if the model has applied it.
        background: The class that stands for no object, or None.
    """

    anchors: Annotated[int, Meta(ge=0, le=1)]
    classes: Annotated[int, Meta(ge=0, le=2**16)]
    count: Side
    boxes: Annotated[int, Meta(ge=0, le=2**16)] = 0
    box: Literal["center", "corners"] = "center"
    objectness: Annotated[int, Meta(ge=0, le=2**16)] | None = None
    activation: Literal["sigmoid", "softmax"] | None = None
    background: Annotated[int, Meta(ge=0, le=2**16)] | None = None

    @property
    def in_words(self) -> str:
        """The classes, and what makes confidences of their scores, in a line."""
        classes = f"of {self.count} class{'es' * (self.count > 1)}, in pixels of the input"
        parts = [f"confidences by {self.activation}"] * (self.activation is not None)
        parts += ["times objectness"] * (self.objectness is not None)
        parts += [f"class {self.background} is the background"] * (self.background is not None)
        return "; ".join([classes, *parts])


@dataclass(frozen=True, slots=True)
class Source:
    """Where the model came from.

    Attributes:
        kind: ``torch.nn.Module``, ``torch.export.ExportedProgram``, ``onnx file`` or ``onnx.ModelProto``.
        name: The class, the file's name, or the command line's argument.
        exporter: The versions that made it, e.g. ``onnxcam-export 0.1.0, torch 2.13.0, onnx 1.23.2``.
    """

    kind: Words
    name: Words
    exporter: Words


@dataclass(frozen=True, slots=True)
class Verification:
    """The comparison that the export made, and its errors.

    Attributes:
        reference: The reference that the artifact was compared with, in words.
        errors: The relative L2 error of each compared output, by output name.
        tolerances: The largest error allowed, by output name.
        notes: Remarks for the reader, e.g. why an output could not be compared.
    """

    reference: Words
    errors: dict[str, RelativeError]
    tolerances: dict[str, RelativeError]
    notes: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Golden:
    """Samples of the outputs for a fixed input, to check a device without PyTorch (``onnxcam.execution.golden``).

    Attributes:
        target: The class explained; of scores that are not [N, C], the index of an entry in the flattened scores.
        scores: Evenly spaced samples of the scores.
        layer: The layer of the map.
        grad_cam: Evenly spaced samples of the Grad-CAM map, without its ReLU.
        guided_backprop: Evenly spaced samples of the gradient at the input, guided or not; none if it was left out.
        tolerances: The relative L2 error allowed for each of these that has samples.
    """

    target: Annotated[int, Meta(ge=0, le=2**24)]
    scores: tuple[float, ...]
    layer: Name
    grad_cam: tuple[float, ...]
    guided_backprop: tuple[float, ...]
    tolerances: dict[str, Share]


@dataclass(frozen=True, slots=True)
class MethodSanity:
    """Whether a method's maps change as they should (``onnxcam.sanity``): mean rank correlations, from -1 to 1.

    Attributes:
        classes: Of the maps of two classes of one picture; None where the model has no two classes.
        classifier: Of the maps before and after the last layer's weights were permuted.
        unsigned: The mean magnitude of these: near 1 of a map that at most becomes its own negative.
        network: Of the maps before and after all weights were permuted.
        shift: Of the maps before and after a constant was added to the input and taken away in the model; None if it
            was not tried.
    """

    classes: Correlation | None
    classifier: Correlation
    unsigned: Share
    network: Correlation
    shift: Correlation | None = None


@dataclass(frozen=True, slots=True)
class Sanity:
    """The sanity checks of a model's explanations, in short.

    Attributes:
        pictures: The number of pictures that they were made with.
        methods: The results, by the method's name.
        by: The version that made them, e.g. ``onnxcam 0.1.0``.
    """

    pictures: Count
    methods: Annotated[dict[Name, MethodSanity], Meta(max_length=100)]
    by: Words = ""
