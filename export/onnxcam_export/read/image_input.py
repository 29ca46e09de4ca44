"""The image input: its layout, its size, and the value that is differentiated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir

from onnxcam.metadata import ImageInput
from onnxcam_export.errors import ScoreError, ShapeError, SourceError
from onnxcam_export.graph.steps import shape_of, shape_text
from onnxcam_export.read.files.dynamic_batch import BATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.metadata_parts import Layout

# The number of axes of an image, a volume and a signal, in the order in which inputs are tried.
_RANKS = (4, 5, 3)
# What may stand between an image of integers and the Cast that makes it floating-point: elements only move.
_MOVERS = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Slice"}


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
    by_rank = [[v for v in graph.inputs if v.shape is not None and len(v.shape) == rank] for rank in _RANKS]
    images = next((found for found in by_rank if found), [])
    if len(images) == 1 or len(graph.inputs) == 1:
        return images[0] if images else graph.inputs[0]
    which = "several inputs that could be the image" if images else "no input that could be an image, [N, C, H, W]"
    raise SourceError(f"the model has {which}; name it with image_input (--input): {listed}")


def fix_size(image: ir.Value, input_shape: Sequence[int] | None) -> None:
    """Gives the image input the height and width it will have; its batch stays as it is.

    Raises:
        ShapeError: They are not known, or are fixed to something else.
    """
    if image.shape is None and input_shape is not None:
        image.shape = _stated(image, input_shape)
    _require_rank(image)
    dims = _dims(image)
    size = dims[1:]
    if input_shape is not None:
        size = _merged(image, size, [int(dim) for dim in input_shape])
    if not all(isinstance(dim, int) for dim in size):
        raise ShapeError(_open_size(image))
    image.shape = ir.Shape([dims[0] if isinstance(dims[0], int) else BATCH, *size])


def _stated(image: ir.Value, given: Sequence[int]) -> ir.Shape:
    """The shape of an input of which the file states none: that of an image without the batch, or any with it.

    Raises:
        ShapeError: Only its height and width are given.
    """
    if len(given) < _RANKS[-1]:
        raise ShapeError(
            f"the file states no shape of the input {image.name!r}, and {list(given)} is not all of it; give its "
            "channels too, such as input_shape=(3, 224, 224) (--input-size 3x224x224)"
        )
    return ir.Shape([BATCH, *given[-max(3, len(given) - 1) :]])


def _dims(value: ir.Value) -> list[int | str]:
    """The shape, ``"?"`` for a dimension that is not known; some producers write that as -1 or 0."""
    dims = [dim if isinstance(dim, int) else dim.value or "?" for dim in value.shape or ()]
    return [dim if isinstance(dim, str) or dim > 0 else "?" for dim in dims]


def _merged(image: ir.Value, size: Sequence[int | str], wanted: Sequence[int]) -> list[int | str]:
    """The input's sizes with those that the user gave: all with or without the batch, or [H, W] beside the channels."""
    rank = len(size)
    shapes: list[list[int | str]] = []
    if rank <= len(wanted) <= rank + 1:
        shapes = [[*wanted[-rank:]]]
    elif len(wanted) == rank - 1:
        shapes = [[size[0], *wanted], [*wanted, size[-1]]]  # channels first, and channels last
    for sizes in shapes:
        if all(isinstance(dim, str) or dim == want for dim, want in zip(size, sizes, strict=True)):
            return sizes
    fixed = all(isinstance(dim, int) for dim in size)
    advice = "leave it out, since the file fixes all sizes" if fixed else f"give it as {_example(size)}"
    raise ShapeError(
        f"the input {image.name!r} has the shape {shape_text(image)} and cannot take {list(wanted)} as input_shape "
        f"(--input-size); {advice}"
    )


def _open_size(image: ir.Value) -> str:
    size = _dims(image)[1:]
    return (
        f"the input {image.name!r} has the shape {shape_text(image)}, and all but its batch must be fixed at export; "
        f"give the sizes of its axes after the batch with input_shape (--input-size), such as {_example(size)}"
    )


def _example(size: Sequence[int | str]) -> str:
    """Sizes in the form in which they are given, with those that are known."""
    usual = {1: [16000], 2: [1, 500], 3: [3, 224, 224], 4: [1, 16, 112, 112]}[len(size)]
    given = [dim if isinstance(dim, int) else own for dim, own in zip(size, usual, strict=True)]
    return f"--input-size {'x'.join(map(str, given))}"


def _require_rank(image: ir.Value) -> None:
    """Requires axes of a signal, an image or a volume.

    Raises:
        ShapeError: The input has too few or too many.
    """
    if image.shape is None:
        raise ShapeError(
            f"the file states no shape of the input {image.name!r}; give all of it with input_shape, such as "
            "(1, 3, 224, 224) (--input-size 3x224x224)"
        )
    if not 2 <= len(image.shape) <= max(_RANKS):
        raise ShapeError(
            f"the input {image.name!r} has the shape {shape_text(image)}; a signal, an image or a volume, such as "
            "[N, C, H, W], is needed: choose another input with image_input (--input)"
        )


def require_size(image: ir.Value) -> None:
    """Requires that the sizes of the image input are known.

    Raises:
        ShapeError: One is not, or its axes are too few or too many.
    """
    _require_rank(image)
    if None in shape_of(image)[1:]:
        raise ShapeError(_open_size(image))


def describe(image: ir.Value, layout: Layout) -> ImageInput:
    """The image input with its layout and sizes."""
    shape = shape_of(image)
    sizes = {letter: int(size) for letter, size in zip(layout, shape, strict=True) if size is not None}
    return ImageInput(
        name=image.name or "",
        layout=layout,
        channels=sizes.get("C", 1),
        height=sizes.get("H", 1),
        width=sizes.get("W", sizes.get("L", 1)),
        dtype=(image.dtype or ir.DataType.FLOAT).numpy().name,
        batch=shape[0],
        depth=sizes.get("D"),
    )


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
