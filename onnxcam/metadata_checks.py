"""Contradictions between the parts of the metadata, each of which is valid by itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnxcam.metadata_parts import DetectionHead, Golden, ImageInput, Layer, Preprocessing

# The samples of an output that the golden check compares; all elements if the output has fewer.
GOLDEN_SAMPLES = 64

# The types that an image can have, and that ONNX Runtime can take from numpy.
_DTYPES = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)} | {"float16", "float32", "float64"}
MOST_ELEMENTS = 2**28
# The longest side that resizing may produce, unless twice the model's input is longer.
_LARGEST_RESIZE = 2**13
_SMALLEST_DIVISOR = 1e-6


def layer_contradictions(layer: Layer, place: str, image: ImageInput) -> Iterator[str]:
    """A layer whose map has other axes than the image, or that is too large."""
    if math.prod(layer.shape) > MOST_ELEMENTS:
        yield "layers: one is too large"
    if len(layer.shape) != 1 + len(image.places):
        yield f"{place}.shape: {list(layer.shape)} of an input with the layout {image.layout}"
    if layer.skip and layer.view != "tokens":
        yield f"{place}.skip: {layer.skip} tokens of a layer whose view is {layer.view}"


def image_contradictions(image: ImageInput) -> Iterator[str]:
    """A layout that does not fit the sizes, a type that ONNX Runtime does not take, or too many elements."""
    if image.dtype not in _DTYPES:
        yield f"image.dtype: {image.dtype!r} is none of {', '.join(sorted(_DTYPES))}"
    if math.prod(image.shape) * (image.batch or 1) > MOST_ELEMENTS:
        yield "image: it is too large"
    if image.channels > 1 and "C" not in image.layout:
        yield f"image.channels: {image.channels} in the layout {image.layout}"
    if ("D" in image.layout) != (image.depth is not None):
        yield f"image.depth: {image.depth} in the layout {image.layout}"
    if "L" in image.layout and image.height > 1:
        yield f"image.height: {image.height} in the layout {image.layout}"


def preprocessing_contradictions(steps: Preprocessing, image: ImageInput) -> Iterator[str]:
    """Steps that do not give the model's size and channels."""
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
    if steps.letterbox is not None and (steps.resize is not None or crop is None):
        yield f"preprocessing.letterbox: with resize {steps.resize} and crop {steps.crop}"
    if crop is None and isinstance(steps.resize, int) and steps.resize != min(size):
        yield f"preprocessing: a shorter side of {steps.resize} without a crop; {takes}"
    if crop is None and isinstance(steps.resize, tuple) and steps.resize != size:
        yield f"preprocessing.resize: {list(steps.resize)} without a crop; {takes}"


def head_contradictions(head: DetectionHead, shape: Sequence[int], labels: Sequence[str] | None) -> Iterator[str]:
    """A detection head whose values lie beyond those of the scores, or whose labels are not those of its classes."""
    if len(shape) != 2:
        yield f"detection: of scores of the shape {list(shape)}, which has no axis of anchors"
        return
    values = shape[1 - head.anchors]
    if max(head.classes + head.count, head.boxes + 4, (head.objectness or 0) + 1) > values:
        yield f"detection: {head.count} classes and a box do not fit the {values} values of an anchor"
    if labels is not None and len(labels) != head.count:
        yield f"labels: {len(labels)} for {head.count} classes"
    if head.background is not None and (head.background >= head.count or head.count == 1):
        yield f"detection: the background is class {head.background} of {head.count}"


def golden_contradictions(golden: Golden, layers: Sequence[Layer], image: ImageInput, scores: int) -> Iterator[str]:
    """A golden check of other sizes than the model's, which has so many scores for each image."""
    if golden.target >= scores:
        yield f"golden.target: {golden.target} of {scores} classes"
    shape = next((layer.shape for layer in layers if layer.name == golden.layer), None)
    if shape is None:
        yield f"golden.layer: there is no layer {golden.layer!r}"
        return
    sizes = {"scores": scores, "grad_cam": math.prod(shape[1:]), "guided_backprop": math.prod(image.shape)}
    if not golden.guided_backprop:
        del sizes["guided_backprop"]  # of a model without the gradient at the input
    if golden.tolerances.keys() != sizes.keys():
        yield f"golden.tolerances: not those of {', '.join(sizes)}"
    for name, size in sizes.items():
        found, expected = len(getattr(golden, name)), min(GOLDEN_SAMPLES, (image.batch or 1) * size)
        if found != expected:
            yield f"golden.{name}: {found} samples where there should be {expected}"
