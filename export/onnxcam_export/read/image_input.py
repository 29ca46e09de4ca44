"""The image input: its layout, its size, and the value that is differentiated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import onnx_ir as ir

from onnxcam.metadata import ImageInput
from onnxcam_export.errors import ScoreError, ShapeError, SourceError
from onnxcam_export.graph.steps import shape_of, shape_text
from onnxcam_export.read.dynamic_batch import BATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANNELS = (1, 3, 4)
# What may stand between an image of integers and the Cast that makes it floating-point: elements only move.
_MOVERS = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Slice"}


def layout_of(sizes: Sequence[int | str | None]) -> Literal["NCHW", "NHWC"]:
    """The layout of [N, _, _, _]: channels come last where only the last axis can be them."""
    return "NHWC" if sizes[3] in CHANNELS and sizes[1] not in CHANNELS else "NCHW"


def find_image(graph: ir.Graph, name: str | None) -> ir.Value:
    """The input that takes the image.

    Raises:
        SourceError: There is no such input, or several could be it.
    """
    listed = ", ".join(f"{value.name} {shape_text(value)}" for value in graph.inputs)
    if name is not None:
        for value in graph.inputs:
            if value.name == name:
                return value
        raise SourceError(f"the model has no input {name!r}; it has {listed}")
    images = [value for value in graph.inputs if value.shape is not None and len(value.shape) == 4]
    if len(images) == 1 or len(graph.inputs) == 1:
        return images[0] if images else graph.inputs[0]
    which = "several inputs that could be the image" if images else "no input that could be an image, [N, C, H, W]"
    raise SourceError(f"the model has {which}; name it with image_input (--input): {listed}")


def fix_size(image: ir.Value, input_shape: Sequence[int] | None) -> None:
    """Gives the image input the height and width it will have; its batch stays as it is.

    Raises:
        ShapeError: They are not known, or are fixed to something else.
    """
    dims = _dims(image)
    if len(dims) != 4:
        raise ShapeError(
            f"the input {image.name!r} has the shape {shape_text(image)}; an image, [N, C, H, W] or [N, H, W, C], is "
            "needed: choose another input with image_input (--input)"
        )
    size = dims[1:]
    if input_shape is not None:
        size = _merged(image, size, _in_layout(dims, [int(dim) for dim in input_shape]))
    if not all(isinstance(dim, int) for dim in size):
        raise ShapeError(
            f"the input {image.name!r} has the shape {shape_text(image)}, and all but its batch must be fixed at "
            "export; give height and width with input_shape (--input-size)"
        )
    image.shape = ir.Shape([dims[0] if isinstance(dims[0], int) else BATCH, *size])


def _dims(value: ir.Value) -> list[int | str]:
    """The shape, ``"?"`` for a dimension that is not known; some producers write that as -1 or 0."""
    dims = [dim if isinstance(dim, int) else dim.value or "?" for dim in value.shape or ()]
    return [dim if isinstance(dim, str) or dim > 0 else "?" for dim in dims]


def _in_layout(dims: Sequence[int | str], wanted: Sequence[int]) -> list[int | str]:
    """[_, _, _] in the input's layout, from a whole shape, one without the batch, or [H, W]."""
    if len(wanted) != 2:
        return list(wanted[-3:])
    return [*wanted, dims[3]] if layout_of(dims) == "NHWC" else [dims[1], *wanted]


def _merged(image: ir.Value, size: Sequence[int | str], wanted: Sequence[int | str]) -> list[int | str]:
    fits = len(wanted) == len(size) and all(
        isinstance(dim, str) or dim == want for dim, want in zip(size, wanted, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"the input {image.name!r} has the shape {shape_text(image)} and cannot take {list(wanted)}; give "
            "input_shape (--input-size) in the input's own layout, or leave it out"
        )
    return list(wanted)


def describe(image: ir.Value) -> ImageInput:
    """The image input's layout and size.

    Raises:
        ShapeError: It is no image, or its size is not known.
    """
    shape = shape_of(image)
    if len(shape) != 4 or None in shape[1:]:
        raise ShapeError(
            f"the input {image.name!r} has the shape {shape_text(image)}; an image of known size, [N, C, H, W] "
            "or [N, H, W, C], is needed: give it with input_shape (--input-size), or choose another with --input"
        )
    layout = layout_of(shape)
    size = [int(dim) for dim in shape[1:] if dim is not None]
    channels, height, width = size if layout == "NCHW" else (size[2], size[0], size[1])
    dtype = (image.dtype or ir.DataType.FLOAT).numpy().name
    return ImageInput(image.name or "", layout, channels, height, width, dtype, shape[0])


def differentiable(graph: ir.Graph, image: ir.Value) -> ir.Value:
    """The floating-point value that holds the image, in its own layout: the input itself, or its Cast.

    An image of integers has no gradient; what is explained is the value that it is cast to. Where the elements are
    moved first and cast then, the Cast is brought in front, in place, which changes no element.

    Raises:
        ScoreError: The integers are used as integers.
    """
    if image.dtype is None or image.dtype.is_floating_point():
        return image
    moved, casts = _integer_region(image)
    kinds = {cast.attributes.get_int("to", 0) for cast in casts}
    if len(casts) == 1 and len(moved) == 1:
        return casts[0].outputs[0]
    if len(kinds) != 1:
        raise ScoreError(
            f"the input {image.name!r} is cast to several types; feed it as floating-point numbers instead"
        )
    dtype = ir.DataType(kinds.pop())
    first = ir.node("Cast", [image], {"to": int(dtype)}, name=f"{image.name}/Cast")
    result = first.outputs[0]
    result.name, result.shape, result.type = f"{image.name}/float", image.shape, ir.TensorType(dtype)
    image.replace_all_uses_with(result)
    first.replace_input_with(0, image)
    graph.insert_before(graph[0], first)
    for value in moved[1:]:
        value.type = ir.TensorType(dtype)
    for cast in casts:
        source = cast.inputs[0]
        assert source is not None  # noqa: S101 — a Cast has its input
        ir.convenience.replace_all_uses_with(cast.outputs, [source], replace_graph_outputs=True)
        graph.remove(cast, safe=True)
    return result


def _integer_region(image: ir.Value) -> tuple[list[ir.Value], list[ir.Node]]:
    """The values that hold the image's integers, and the Casts that end them.

    Raises:
        ScoreError: Something else uses them.
    """
    moved, casts = [image], []
    for value in moved:  # grows while it is walked
        for use in value.uses():
            if use.node.op_type == "Cast":
                casts.append(use.node)
            elif use.node.op_type in _MOVERS and use.idx == 0:
                moved.append(use.node.outputs[0])
            else:
                raise ScoreError(
                    f"the input {image.name!r} is {image.dtype} and {use.node.op_type} node {use.node.name!r} uses it "
                    "as such, so the score has no gradient with respect to it; feed it floating-point numbers instead"
                )
    if not casts:
        raise ScoreError(f"the score does not depend on the input {image.name!r}; choose another with --input")
    return moved, casts
