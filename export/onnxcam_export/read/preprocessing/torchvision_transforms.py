"""torchvision's transforms, of both versions, and timm's, which are torchvision's with a few of its own.

They are recognised by the names of their classes, so neither library need be installed. A transform computes different
things before and after others, so each translation looks at the result of those before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from onnxcam.text import shortened
from onnxcam_export.errors import ExportError
from onnxcam_export.read.preprocessing.fields import LISTED, filter_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PACKAGES = {"torchvision.transforms": "torchvision", "timm.data": "timm", "torch.nn": "torch"}
# Filters that make pixels blacker than black and whiter than white, which are cut off.
_OVERSHOOTING = {"bicubic", "lanczos"}
_FLOATS = {"torch.float16", "torch.float32", "torch.float64"}


@dataclass(slots=True)
class _Pipeline:
    """The result of the transforms so far.

    Attributes:
        channels: The model's.
        kind: A Pillow image, a tensor of bytes, one of floating-point numbers, or a normalised one.
        made: The number of channels, None as long as they are the image's own.
        fields: The fields of the preprocessing.
    """

    channels: int
    kind: Literal["image", "bytes", "floats", "normalised"] = "image"
    made: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)


_TRANSLATIONS: dict[str, Callable[[_Pipeline, Any], None]] = {}


def is_transform(given: Any) -> bool:
    """Whether it is a transform of torchvision or timm, or a sequence of such."""
    return _kind(given) is not None


def translated(given: Any, channels: int) -> dict[str, Any]:
    """The fields that compute what a transform computes of an image.

    Args:
        given: A ``Compose``, a single transform, or the preset of torchvision's weights.
        channels: The model's.

    Returns:
        All fields but those of a resize or crop that is not there.

    Raises:
        ExportError: A transform has no counterpart, or not in that place.
    """
    if _kind(given) == "torchvision.ImageClassification":
        return _preset(given)
    pipeline = _Pipeline(channels)
    for transform in _each(given):
        translate = _TRANSLATIONS.get(_kind(transform) or "")
        if translate is None:
            _refuse(transform)
        translate(pipeline, transform)
    if pipeline.kind == "image":
        raise ExportError("the preprocessing's transforms give an image, not a tensor; add ToTensor()")
    if pipeline.made not in {None, channels}:
        raise ExportError(
            f"the preprocessing's transforms give {pipeline.made} channels and the model takes {channels}; give "
            "those that the model was trained with"
        )
    plain = {"mean": (0.0,) * channels, "std": (1.0,) * channels, "channel_order": "RGB", "interpolation": "bilinear"}
    return {**plain, **pipeline.fields}


def _translates(*names: str) -> Callable[[Callable[[_Pipeline, Any], None]], Callable[[_Pipeline, Any], None]]:
    """Registers a translation under the transforms' names."""

    def register(function: Callable[[_Pipeline, Any], None]) -> Callable[[_Pipeline, Any], None]:
        _TRANSLATIONS.update(dict.fromkeys(names, function))
        return function

    return register


@_translates("torchvision.Resize")
def _resize(pipeline: _Pipeline, transform: Any) -> None:
    """Resizing an image by Pillow's filter, or a tensor if that gives the same."""
    if pipeline.kind == "normalised" or {"resize", "crop"} & pipeline.fields.keys():
        _refuse(transform, "it comes after another Resize, CenterCrop or Normalize")
    if transform.max_size is not None or transform.size is None:
        _refuse(transform, "it has a max_size")
    filter_ = filter_name(transform.interpolation)
    if pipeline.kind != "image" and not _is_as_pillow(pipeline, transform, filter_):
        _refuse(transform, "on a tensor it computes something else than on an image; put it before ToTensor")
    if pipeline.made == 1 and filter_ in _OVERSHOOTING:
        _refuse(transform, "black and white are cut off in grey there and in colours here; put it before Grayscale")
    pipeline.fields |= {"resize": _side(transform.size), "interpolation": filter_}


@_translates("torchvision.CenterCrop")
def _center_crop(pipeline: _Pipeline, transform: Any) -> None:
    """What is too small is padded with 0, which is black before it is normalised."""
    if pipeline.kind == "normalised" or "crop" in pipeline.fields:
        _refuse(transform, "it comes after another CenterCrop or Normalize")
    size = _side(transform.size)
    pipeline.fields["crop"] = size[0] if isinstance(size, tuple) and size[0] == size[1] else size


@_translates("torchvision.ToTensor", "timm.MaybeToTensor")
def _to_tensor(pipeline: _Pipeline, transform: Any) -> None:
    """Pixels from 0 to 1."""
    _expect(pipeline, transform, "image")
    pipeline.kind, pipeline.fields["scale"] = "floats", 1 / 255


@_translates("torchvision.PILToTensor", "torchvision.ToImage")
def _to_bytes(pipeline: _Pipeline, transform: Any) -> None:
    """Pixels from 0 to 255."""
    _expect(pipeline, transform, "image")
    pipeline.kind, pipeline.fields["scale"] = "bytes", 1.0


@_translates("torchvision.ConvertImageDtype", "torchvision.ToDtype")
def _to_floats(pipeline: _Pipeline, transform: Any) -> None:
    """From 0 to 1, or from 0 to 255 where ``ToDtype`` is told not to scale."""
    _expect(pipeline, transform, "bytes")
    if str(transform.dtype) not in _FLOATS:
        _refuse(transform, "only conversions to floating-point numbers can be")
    pipeline.kind = "floats"
    if getattr(transform, "scale", True):
        pipeline.fields["scale"] = 1 / 255


@_translates("torchvision.Normalize")
def _normalize(pipeline: _Pipeline, transform: Any) -> None:
    """``(x - mean) / std``; one value is taken for all channels."""
    _expect(pipeline, transform, "floats")
    pipeline.kind = "normalised"
    for name in ("mean", "std"):
        values = getattr(transform, name)
        values = list(values.tolist() if hasattr(values, "tolist") else values)
        pipeline.fields[name] = tuple(values * pipeline.channels if len(values) == 1 else values)


@_translates("torchvision.Grayscale")
def _grayscale(pipeline: _Pipeline, transform: Any) -> None:
    """``0.299 R + 0.587 G + 0.114 B``, in one channel or in each of three."""
    if pipeline.kind == "normalised":
        _refuse(transform, "it comes after Normalize")
    pipeline.made, pipeline.fields["channel_order"] = transform.num_output_channels, "L"


@_translates("torchvision.RGB")
def _rgb(pipeline: _Pipeline, transform: Any) -> None:
    """An image is in RGB already; grey is written three times."""
    if pipeline.kind == "normalised":
        _refuse(transform, "it comes after Normalize")
    pipeline.made = 3


@_translates("torchvision.ToPureTensor", "torchvision.Identity", "torch.Identity")
def _unchanged(_pipeline: _Pipeline, _transform: Any) -> None:
    """Changes no value."""


def _preset(preset: Any) -> dict[str, Any]:
    """``weights.transforms()``, a class of its own."""
    return {
        "resize": _side(preset.resize_size),
        "crop": _side(preset.crop_size),
        "interpolation": filter_name(preset.interpolation),
        "scale": 1 / 255,
        "mean": tuple(preset.mean),
        "std": tuple(preset.std),
        "channel_order": "RGB",
    }


def _each(given: Any) -> Iterator[Any]:
    """The transforms in order, those of a ``Compose`` inside another among them."""
    kind = _kind(given)
    if kind == "torchvision.Compose":
        for transform in given.transforms:
            yield from _each(transform)
    elif kind == "torch.Sequential":
        for transform in given:
            yield from _each(transform)
    else:
        yield given


def _kind(given: Any) -> str | None:
    """Package and class, e.g. ``torchvision.Resize``."""
    module = type(given).__module__
    for start, package in _PACKAGES.items():
        if module == start or module.startswith(f"{start}."):
            return f"{package}.{type(given).__name__}"
    return None


def _side(size: Any) -> int | tuple[int, ...]:
    """The shorter side where there is one number, or (height, width)."""
    if isinstance(size, int):
        return size
    return int(size[0]) if len(size) == 1 else tuple(int(side) for side in size)


def _is_as_pillow(pipeline: _Pipeline, transform: Any, filter_: str) -> bool:
    """Whether resizing a tensor differs from resizing an image by rounding alone.

    Without antialiasing, it picks single pixels; in floating point, bicubic overshoots black and white; torchvision's
    "nearest" takes other pixels than Pillow's and its own "nearest-exact".
    """
    if filter_ == "nearest":
        return bool(getattr(transform.interpolation, "value", transform.interpolation) == "nearest-exact")
    smooth = {"bilinear"} if pipeline.kind == "floats" else {"bilinear", "bicubic"}
    return filter_ in smooth and bool(transform.antialias)


def _expect(pipeline: _Pipeline, transform: Any, kind: str) -> None:
    if pipeline.kind != kind:
        made = {"image": "an image", "bytes": "pixels from 0 to 255"}.get(pipeline.kind, "floating-point numbers")
        _refuse(transform, f"the transforms before it give {made}")


def _refuse(transform: Any, why: str = "") -> NoReturn:
    shown = shortened(" ".join(repr(transform).split()), 100)
    reason = f" since {why}" if why else ""
    raise ExportError(
        f"the preprocessing's transform {shown} cannot be translated{reason}; give the transforms of evaluation alone "
        f"(Resize, CenterCrop, Grayscale, ToTensor, Normalize and their like), or the fields {LISTED}"
    )
