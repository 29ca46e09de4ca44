"""The methods of explanation, by their names on the command line, and which of them a model has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from onnxcam.metadata import Metadata

MapMethod = Literal[
    "grad-cam", "cam", "grad-cam++", "xgrad-cam", "hires-cam", "layer-cam", "eigen-cam", "eigen-grad-cam"
]
Method = MapMethod | Literal["guided-backprop", "guided-grad-cam"]

TITLES: dict[Method, str] = {
    "grad-cam": "Grad-CAM",
    "cam": "CAM",
    "guided-backprop": "Guided Backpropagation",
    "guided-grad-cam": "Guided Grad-CAM",
    "grad-cam++": "Grad-CAM++",
    "xgrad-cam": "XGrad-CAM",
    "hires-cam": "HiResCAM",
    "layer-cam": "LayerCAM",
    "eigen-cam": "EigenCAM",
    "eigen-grad-cam": "EigenGradCAM",
}
METHODS = tuple(TITLES)
_DEFAULT: tuple[Method, ...] = ("grad-cam", "guided-backprop", "guided-grad-cam")
# Averaging gradients over places, as Grad-CAM does, loses single objects.
_OF_BOXES: tuple[Method, ...] = ("layer-cam", "guided-backprop")
_AT_INPUT = {"guided-backprop", "guided-grad-cam"}


def required_level(method: Method) -> Literal[1, 2]:
    """The lowest level of a run that gives a method."""
    return 2 if is_at_input(method) else 1


def is_at_input(method: Method) -> bool:
    """Whether a method gives images of the input's shape, and not maps."""
    return method in _AT_INPUT


def why_not(method: Method, metadata: Metadata) -> str | None:
    """The reason why a model does not have a method, as the beginning of a sentence; None if it has the method."""
    if method == "cam" and metadata.cam_layer is None:
        return "this model has no CAM, which needs a network that ends in global average pooling and one linear layer"
    if is_at_input(method) and metadata.input_gradient != "guided":
        return f"this model has no guided backpropagation, since its gradient at the input is {metadata.input_gradient}"
    if required_level(method) > metadata.highest_level:
        limit = "was exported up to" if metadata.level is None else "is fixed at"
        return f"this model {limit} level {metadata.highest_level}, and {method} needs level {required_level(method)}"
    return None


def methods_of(metadata: Metadata) -> tuple[Method, ...]:
    """The methods that a model has."""
    return tuple(method for method in METHODS if why_not(method, metadata) is None)


def default_methods(metadata: Metadata, level: int = 2) -> tuple[Method, ...]:
    """The methods that are drawn if the caller names none.

    They are Grad-CAM, guided backpropagation and Guided Grad-CAM, and of a detection model LayerCAM and guided
    backpropagation; or those of them that the model and the level have.
    """
    usual = _DEFAULT if metadata.detection is None else _OF_BOXES
    return tuple(m for m in usual if why_not(m, metadata) is None and required_level(m) <= level)
